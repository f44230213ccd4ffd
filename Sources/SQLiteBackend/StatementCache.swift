import FleetStore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The prepared statements of one connection, by text. The least recently used goes first.
struct StatementCache {
    /// More than the service has statements; only lists of varying length come near it.
    static let sizeMax = 256

    private var statements: [Key: Statement] = [:]
    private var lookups: UInt64 = 0

    var count: Int { statements.count }

    /// The statement for `sql`, made by `prepare` when it is not here.
    mutating func statement(
        for sql: SQL, prepare: (SQL) throws(StoreError) -> Statement
    ) throws(StoreError) -> Statement {
        lookups += 1
        let key = Key(sql)
        if let statement = statements[key] {
            statement.lastUse = lookups
            return statement
        }
        let statement = try prepare(sql)
        statement.lastUse = lookups
        if statements.count >= Self.sizeMax { evict() }
        statements[key] = statement
        return statement
    }

    mutating func removeAll() { statements = [:] }

    /// A scan is cheap beside the compilation that comes with it.
    private mutating func evict() {
        guard let oldest = statements.min(by: { $0.value.lastUse < $1.value.lastUse }) else { return }
        statements[oldest.key] = nil
    }

    /// Equal when the texts are, byte by byte. To hash a whole statement would cost as much as to bind it, so
    /// the hash is of the name's address and the text's length; one text under two names is prepared twice.
    private struct Key: Hashable {
        private let name: UInt
        private let text: String

        init(_ sql: SQL) {
            name = sql.name.hasPointerRepresentation ? UInt(bitPattern: sql.name.utf8Start) : 0
            text = sql.text
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(name)
            hasher.combine(text.utf8.count)
        }

        static func == (a: Key, b: Key) -> Bool {
            guard a.name == b.name, a.text.utf8.count == b.text.utf8.count else { return false }
            var (a, b) = (a.text, b.text)
            return a.withUTF8 { a in
                b.withUTF8 { b in
                    guard let start = a.baseAddress, let other = b.baseAddress else { return a.isEmpty }
                    return memcmp(start, other, a.count) == 0
                }
            }
        }
    }
}
