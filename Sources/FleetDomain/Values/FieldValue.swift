/// A value as records and SQL know it, whatever the engine.
package enum FieldValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case bytes([UInt8])
    /// A UUID.
    case id(UInt128)
    /// Milliseconds since 1970.
    case timestamp(Int64)
    /// JSON text.
    case json(String)
}

/// The value read as one kind; nil when it is another. Engines and JSON have fewer kinds than we do, so a UUID
/// may come back as sixteen bytes or as text, and an instant as an integer.
extension FieldValue {
    package var asInteger: Int64? { if case .integer(let value) = self { value } else { nil } }

    package var asReal: Double? {
        switch self {
        case .real(let value): value
        case .integer(let value): Double(value)
        default: nil
        }
    }

    package var asText: String? {
        switch self {
        case .text(let value), .json(let value): value
        default: nil
        }
    }

    package var asBytes: [UInt8]? {
        switch self {
        case .bytes(let value): value
        case .id(let value): (0..<16).map { UInt8(truncatingIfNeeded: value >> UInt128(120 - $0 * 8)) }
        default: nil
        }
    }

    package var asID: UInt128? {
        switch self {
        case .id(let value): value
        case .bytes(let bytes) where bytes.count == 16: bytes.reduce(0) { $0 << 8 | UInt128($1) }
        case .text(let text): ID<Never>(text)?.raw
        default: nil
        }
    }

    package var asTimestamp: Timestamp? {
        switch self {
        case .timestamp(let value), .integer(let value): Timestamp(milliseconds: value)
        default: nil
        }
    }
}
