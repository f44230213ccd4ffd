/// Decodes `%XX`, and `+` as a space where a form says so; nil for anything that is not a percent-encoding of UTF-8 in
/// printable ASCII.
func percentDecoded(_ text: Substring, plusIsSpace: Bool = false) -> String? {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(text.utf8.count)
    var bytes = text.utf8.makeIterator()
    while let byte = bytes.next() {
        switch byte {
        case UInt8(ascii: "%"):
            guard let high = bytes.next().flatMap(hexValue), let low = bytes.next().flatMap(hexValue) else {
                return nil
            }
            decoded.append(high << 4 | low)
        case UInt8(ascii: "+") where plusIsSpace: decoded.append(UInt8(ascii: " "))
        case 0x21...0x7e: decoded.append(byte)
        default: return nil
        }
    }
    return String(validating: decoded, as: UTF8.self)
}

/// The path of a request target, without the query.
func requestPath(_ target: String) -> String {
    target.utf8.firstIndex(of: UInt8(ascii: "?")).map { String(target[..<$0]) } ?? target
}
