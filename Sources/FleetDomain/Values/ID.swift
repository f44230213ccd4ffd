/// A UUID (version 7 when we made it) that names one `Entity`.
///
/// The text form is the usual 36 characters in lower case. Order is the order of the bytes, which for
/// version 7 is the order of creation.
package struct ID<Entity>: Hashable, Comparable, Sendable {
    package let raw: UInt128

    package init(raw: UInt128) { self.raw = raw }

    package static func < (a: ID, b: ID) -> Bool { a.raw < b.raw }
}

extension ID: LosslessStringConvertible {
    /// Parses the canonical 36-character form, in either case; anything else is nil.
    package init?(_ text: String) {
        var raw: UInt128 = 0
        var index = 0
        for byte in text.utf8 {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
            } else {
                guard let digit = hexDigit(byte) else { return nil }
                raw = raw << 4 | UInt128(digit)
            }
            index += 1
        }
        guard index == 36 else { return nil }
        self.raw = raw
    }

    package var description: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            var index = 0
            for nibble in 0..<32 {
                if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 {
                    buffer[index] = UInt8(ascii: "-")
                    index += 1
                }
                let digit = UInt8(truncatingIfNeeded: raw >> UInt128(124 - nibble * 4)) & 0xf
                buffer[index] = digit < 10 ? 48 + digit : 87 + digit
                index += 1
            }
            return 36
        }
    }
}

private func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 48...57: byte - 48
    case 65...70: byte - 55
    case 97...102: byte - 87
    default: nil
    }
}

/// Makes the ids of one request: UUIDv7 (RFC 9562) from the request's time and its own seed, so that a
/// replay with the same seed makes the same ids and no two requests share a stream.
package struct IDSource: Sendable {
    private var state: UInt64
    private let random: UInt64

    package init(seed: UInt64, random: UInt64) {
        self.state = seed
        self.random = random
    }

    package mutating func next<Entity>(at time: Timestamp) -> ID<Entity> {
        let a = UInt128(splitMix() & 0xfff)
        let b = UInt128((splitMix() ^ random) & 0x3fff_ffff_ffff_ffff)
        let milliseconds = UInt128(UInt64(max(0, time.milliseconds)) & 0xffff_ffff_ffff)
        return ID(raw: milliseconds << 80 | 0x7 << 76 | a << 64 | 0b10 << 62 | b)
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    private mutating func splitMix() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
