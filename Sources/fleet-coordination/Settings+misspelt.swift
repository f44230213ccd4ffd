extension Settings {
    /// Letters of a short name: `PATH` is not meant to be `PORT`.
    private static let shortName = 4

    /// Variables within two letters of one of ours, of a short one within one, that are none: most likely a slip.
    static func misspelt(_ environment: [String: String]) -> [(found: String, meant: String)] {
        environment.keys.sorted().compactMap { name in
            guard !variables.contains(name) else { return nil }
            let near = variables.map { (distance: distance(name, $0), name: $0) }
                .filter { $0.distance <= ($0.name.count <= shortName ? 1 : 2) }
            return near.min { ($0.distance, $0.name) < ($1.distance, $1.name) }.map { (name, $0.name) }
        }
    }

    /// Levenshtein's edit distance.
    private static func distance(_ a: String, _ b: String) -> Int {
        let b = Array(b)
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let replaced = diagonal + (x == y ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
            }
        }
        return row[b.count]
    }
}
