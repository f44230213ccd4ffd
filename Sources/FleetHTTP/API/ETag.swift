package import FleetDomain
import HTTPTypes

/// A strong entity tag of what one caller sees: a hash of exactly the bytes of its body, so it tells nothing else.
package struct ETag: Sendable, Equatable {
    package let text: String

    /// A hash in the manner of FNV-1a, 64 bits, that takes eight bytes a step and is mixed at the end as by MurmurHash3:
    /// tags tell versions of one object apart, they protect nothing.
    package init(of bytes: [UInt8]) {
        var hash = 0xcbf2_9ce4_8422_2325 ^ UInt64(bytes.count)
        bytes.withUnsafeBytes { bytes in
            let whole = bytes.count & ~7
            for offset in stride(from: 0, to: whole, by: 8) {
                let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                hash = Self.mixed(hash ^ word) &* 0x0000_0100_0000_01b3
            }
            for byte in bytes[whole...] { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        }
        text = "\"\(String(Self.mixed(hash), radix: 36))\""
    }

    /// Spreads every bit over all of them; the product alone leaves the low bits to the low bytes.
    private static func mixed(_ value: UInt64) -> UInt64 {
        let once = (value ^ (value >> 33)) &* 0xff51_afd7_ed55_8ccd
        let twice = (once ^ (once >> 33)) &* 0xc4ce_b9fe_1a85_ec53
        return twice ^ (twice >> 33)
    }
}

/// The tags of an `If-Match` or `If-None-Match` header.
package enum TagCondition: Sendable, Equatable {
    /// `*`: anything that exists.
    case any
    case oneOf([String])

    /// - Throws: `invalid_header` for anything that is not a list of entity tags.
    package init(_ header: String, name: String) throws(FleetError) {
        if header == "*" {
            self = .any
            return
        }
        var tags: [String] = []
        for part in header.split(separator: ",") {
            let tag = part.drop { $0 == " " || $0 == "\t" }
            let trimmed = String(tag.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
            let opaque = trimmed.hasPrefix("W/") ? trimmed.dropFirst(2) : trimmed[...]
            guard opaque.count >= 2, opaque.first == "\"", opaque.last == "\"",
                !opaque.dropFirst().dropLast().contains("\"")
            else { throw FleetError(.invalidHeader, "\(name) is not a list of entity tags.") }
            tags.append(trimmed)
        }
        guard !tags.isEmpty else { throw FleetError(.invalidHeader, "\(name) is empty.") }
        self = .oneOf(tags)
    }

    /// Strong comparison, for `If-Match`.
    package func matchesStrongly(_ tag: ETag) -> Bool {
        switch self {
        case .any: true
        case .oneOf(let tags): tags.contains(tag.text)
        }
    }

    /// - Throws: `precondition_failed` unless the tag matches as `If-Match` asks.
    package func require(_ tag: ETag) throws(FleetError) {
        guard matchesStrongly(tag) else {
            throw FleetError(.preconditionFailed, "The object is no longer the one that If-Match names.")
        }
    }

    /// Weak comparison, for `If-None-Match`.
    package func matchesWeakly(_ tag: ETag) -> Bool {
        switch self {
        case .any: true
        case .oneOf(let tags): tags.contains { $0 == tag.text || $0 == "W/" + tag.text }
        }
    }
}
