/// An id that a caller chooses: ASCII, `[A-Za-z0-9][A-Za-z0-9._:-]{0,63}`, compared as bytes.
///
/// The phantom `Entity` keeps a fleet's id from being used as a resource's.
package struct Name<Entity>: Hashable, Comparable, Sendable, LosslessStringConvertible {
    package let description: String

    /// nil unless `text` has the form above.
    package init?(_ text: String) {
        let bytes = text.utf8
        guard (1...64).contains(bytes.count), let first = bytes.first, Self.isAlphanumeric(first),
            bytes.allSatisfy({ Self.isAlphanumeric($0) || $0 == 46 || $0 == 95 || $0 == 58 || $0 == 45 })
        else { return nil }
        description = text
    }

    package static func < (a: Name, b: Name) -> Bool {
        a.description.utf8.lexicographicallyPrecedes(b.description.utf8)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
    }
}
