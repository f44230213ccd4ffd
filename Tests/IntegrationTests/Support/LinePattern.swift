/// A line in which `<…>`, with any words inside, stands for text that differs from run to run.
struct LinePattern: CustomStringConvertible {
    let description: String
    /// The fixed texts between the placeholders; the first begins the line, the last ends it.
    private let pieces: [Substring]

    init(_ text: String) {
        description = text
        pieces = text.split(separator: /<[^<>]*>/, omittingEmptySubsequences: false)
    }

    func matches(_ line: String) -> Bool {
        guard pieces.count > 1 else { return line == description }
        guard line.hasPrefix(pieces[0]), line.hasSuffix(pieces[pieces.count - 1]) else { return false }
        var rest = line.dropFirst(pieces[0].count)
        for piece in pieces.dropFirst().dropLast() {
            guard let range = piece.isEmpty ? rest.startIndex..<rest.startIndex : rest.firstRange(of: piece) else {
                return false
            }
            rest = rest[range.upperBound...]
        }
        return rest.count >= pieces[pieces.count - 1].count
    }
}
