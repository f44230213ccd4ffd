import FleetStore

/// The statements that one connection has prepared, by text, and apart for a narrowed reader: a plan that is used under
/// another role than it was made for is made anew each time. The least recently used goes first.
struct PreparedStatements {
    /// More than the service has statements; only lists of varying length come near it.
    static let sizeMax = 256

    final class Entry {
        let name: String
        /// With the engine's own marks for values.
        let text: String
        /// Whether the server has said that it is prepared.
        fileprivate(set) var isConfirmed = false
        fileprivate var lastUse: UInt64 = 0

        init(name: String, text: String) {
            self.name = name
            self.text = text
        }
    }

    private struct Key: Hashable {
        let text: String
        let isNarrowed: Bool
    }

    private var entries: [Key: Entry] = [:]
    private var lookups: UInt64 = 0
    private var names: UInt64 = 0
    /// What the server may forget.
    private var dropped: [String] = []

    /// The statement for `sql`, and whether it has to be prepared first.
    mutating func entry(for sql: SQL, isNarrowed: Bool) -> (Entry, isNew: Bool) {
        lookups += 1
        let key = Key(text: sql.text, isNarrowed: isNarrowed)
        if let entry = entries[key] {
            entry.lastUse = lookups
            return (entry, false)
        }
        if entries.count >= Self.sizeMax { evict() }
        names += 1
        let entry = Entry(name: "s\(names)", text: Self.numbered(sql.text))
        entry.lastUse = lookups
        entries[key] = entry
        return (entry, true)
    }

    mutating func confirm(_ entry: Entry) { entry.isConfirmed = true }

    /// Of a refused call, what the server did not come to prepare.
    mutating func forgetUnconfirmed(_ sent: some Sequence<Entry>) {
        guard sent.contains(where: { !$0.isConfirmed }) else { return }
        entries = entries.filter { $0.value.isConfirmed }
    }

    mutating func takeDropped() -> [String] {
        defer { dropped = [] }
        return dropped
    }

    /// One of the call that is being sent is never evicted: it was used last.
    private mutating func evict() {
        let oldest = entries.filter(\.value.isConfirmed).min { $0.value.lastUse < $1.value.lastUse }
        guard let oldest else { return }
        entries[oldest.key] = nil
        dropped.append(oldest.value.name)
    }

    /// `$1`, `$2` for each `?` that stands outside of quotes.
    static func numbered(_ text: String) -> String {
        var numbered = ""
        numbered.reserveCapacity(text.utf8.count + 16)
        var count = 0
        var quote: Character?
        for character in text {
            if let open = quote {
                if character == open { quote = nil }
            } else if character == "'" || character == "\"" {
                quote = character
            } else if character == "?" {
                count += 1
                numbered += "$\(count)"
                continue
            }
            numbered.append(character)
        }
        return numbered
    }
}
