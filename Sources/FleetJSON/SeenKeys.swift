/// Finds a repeated key while an object is read, without quadratic work when the object is large.
struct SeenKeys {
    /// Up to this many members a scan costs less than hashing.
    private static let scanned = 16

    /// Empty until the object outgrows the scan, then all its keys.
    private var hashed: Set<Key> = []

    /// False when `key` is already the key of one of `members`, which are all the members so far.
    mutating func insert(_ key: String, after members: [JSONObject.Member]) -> Bool {
        let new = Key(text: key)
        if members.count < Self.scanned { return !members.contains { Key(text: $0.key) == new } }
        if hashed.isEmpty { hashed = Set(members.lazy.map { Key(text: $0.key) }) }
        return hashed.insert(new).inserted
    }

    /// A key that equals another when their bytes do; `String` would also equate canonically equivalent text.
    private struct Key: Hashable {
        let text: String

        static func == (a: Key, b: Key) -> Bool {
            a.text.utf8.count == b.text.utf8.count && a.text.utf8.elementsEqual(b.text.utf8)
        }

        func hash(into hasher: inout Hasher) {
            var text = text
            text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        }
    }
}
