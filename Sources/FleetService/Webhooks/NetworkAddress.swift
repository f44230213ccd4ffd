import Foundation

/// An address of the Internet, IPv4 or IPv6.
struct NetworkAddress: Sendable, Hashable {
    /// 4 or 16.
    let bytes: [UInt8]

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// Reads the one usual form of an address: a dotted quad without leading zeros, or IPv6.
    init?(_ text: String) {
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            bytes = withUnsafeBytes(of: four) { Array($0) }
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            bytes = withUnsafeBytes(of: six) { Array($0) }
        } else {
            return nil
        }
    }

    /// Reads an IPv4 address in any form that a resolver may: shortened, decimal, octal, hexadecimal.
    init?(anyForm text: String) {
        var four = in_addr()
        let host = text.hasSuffix(".") ? String(text.dropLast()) : text
        guard inet_aton(host, &four) != 0 else { return nil }
        bytes = withUnsafeBytes(of: four) { Array($0) }
    }

    var text: String {
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        guard inet_ntop(family, bytes, &buffer, socklen_t(buffer.count)) != nil else { return "" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Whether it is of the public Internet: by the registries of special addresses of IANA (RFC 6890), what is private,
    /// shared, of this machine or link, for documentation or for many is not; nor is IPv6 that carries an IPv4 address in it.
    var isPublic: Bool {
        bytes.count == 4
            ? !Self.specialFour.contains { $0.contains(bytes) }
            : Self.global.contains(bytes) && !Self.specialSix.contains { $0.contains(bytes) }
    }

    private struct Block {
        let prefix: [UInt8]
        let length: Int

        init(_ prefix: [UInt8], _ length: Int) {
            self.prefix = prefix
            self.length = length
        }

        func contains(_ bytes: [UInt8]) -> Bool {
            (0..<length).allSatisfy { bit in
                let mask = UInt8(128) >> UInt8(bit % 8)
                let wanted = bit / 8 < prefix.count ? prefix[bit / 8] & mask : 0
                return bytes[bit / 8] & mask == wanted
            }
        }
    }

    private static let specialFour = [
        Block([0], 8), Block([10], 8), Block([100, 64], 10), Block([127], 8), Block([169, 254], 16),
        // Where a cloud answers its machines about themselves.
        Block([168, 63, 129, 16], 32),
        Block([172, 16], 12), Block([192, 0, 0], 24), Block([192, 0, 2], 24), Block([192, 31, 196], 24),
        Block([192, 52, 193], 24), Block([192, 88, 99], 24), Block([192, 168], 16), Block([192, 175, 48], 24),
        Block([198, 18], 15), Block([198, 51, 100], 24), Block([203, 0, 113], 24), Block([224], 3),
    ]
    private static let global = Block([0x20], 3)
    private static let specialSix = [
        // Teredo, ORCHID and the rest of 2001::/23; documentation; 6to4.
        Block([0x20, 0x01, 0x00], 23), Block([0x20, 0x01, 0x0d, 0xb8], 32), Block([0x20, 0x02], 16),
        Block([0x26, 0x20, 0x00, 0x4f, 0x80, 0x00], 48), Block([0x3f, 0xff], 20),
    ]
}
