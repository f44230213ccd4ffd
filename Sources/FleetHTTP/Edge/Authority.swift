/// Whether `text` is a `uri-host [":" port]` of RFC 3986 with a host that is not empty: a name, an IPv4 address, or an
/// IP literal in brackets. User information, which RFC 9110 forbids here, makes it invalid.
func isAuthority(_ text: String) -> Bool {
    let bytes = text.utf8
    guard let first = bytes.first else { return false }
    if first == UInt8(ascii: "[") {
        guard let end = bytes.firstIndex(of: UInt8(ascii: "]")) else { return false }
        let literal = bytes[bytes.index(after: bytes.startIndex)..<end]
        return !literal.isEmpty && literal.allSatisfy { isAddressByte($0) }
            && isPortSuffix(bytes[bytes.index(after: end)...])
    }
    let end = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
    let name = bytes[..<end]
    return !name.isEmpty && isRegisteredName(name) && isPortSuffix(bytes[end...])
}

private func isPortSuffix(_ suffix: Substring.UTF8View) -> Bool {
    guard let first = suffix.first else { return true }
    let digits = suffix.dropFirst()
    guard first == UInt8(ascii: ":"), digits.count <= 5 else { return false }
    var port = 0
    for digit in digits {
        guard (48...57).contains(digit) else { return false }
        port = port * 10 + Int(digit - 48)
    }
    return port <= 65535
}

private func isRegisteredName(_ name: Substring.UTF8View) -> Bool {
    var hexDigitsDue = 0
    for byte in name {
        if hexDigitsDue > 0 {
            guard hexValue(byte) != nil else { return false }
            hexDigitsDue -= 1
        } else if byte == UInt8(ascii: "%") {
            hexDigitsDue = 2
        } else if !isNameByte(byte) {
            return false
        }
    }
    return hexDigitsDue == 0
}

/// Unreserved characters and sub-delims of RFC 3986.
private func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 48...57, 65...90, 97...122: true
    case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"): true
    case UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "("): true
    case UInt8(ascii: ")"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: ";"): true
    case UInt8(ascii: "="): true
    default: false
    }
}

private func isAddressByte(_ byte: UInt8) -> Bool {
    hexValue(byte) != nil || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".")
}

func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 48...57: byte - 48
    case 65...70: byte - 55
    case 97...102: byte - 87
    default: nil
    }
}
