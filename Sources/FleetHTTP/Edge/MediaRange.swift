/// One element of `Accept`, or a `Content-Type`: a media type or range with its parameters.
struct MediaRange {
    /// How closely a range names a media type.
    enum Coverage: Int, Comparable {
        case not, byAny, byType, exactly

        static func < (a: Coverage, b: Coverage) -> Bool { a.rawValue < b.rawValue }
    }

    let type: String
    let subtype: String
    /// From 0 to 1000.
    let quality: Int
    /// No parameter but `charset=utf-8` was given, apart from the quality.
    let isUTF8: Bool

    /// nil for what is not a media range. Parameters other than `q` do not narrow a range: the types that we produce
    /// have none.
    init?(_ text: Substring) {
        let parts = text.split(separator: ";", omittingEmptySubsequences: false)
        let names = parts[0].split(separator: "/", omittingEmptySubsequences: false).map(trimmed)
        guard names.count == 2, names.allSatisfy(isToken), names[0] != "*" || names[1] == "*" else { return nil }
        type = names[0].lowercased()
        subtype = names[1].lowercased()
        var quality = 1000
        var isUTF8 = true
        for part in parts.dropFirst() where !trimmed(part).isEmpty {
            let (name, value) = parameter(part)
            if equalsIgnoringCase(name, "q") {
                guard let parsed = parseQuality(value) else { return nil }
                quality = parsed
            } else if !equalsIgnoringCase(name, "charset") || !equalsIgnoringCase(value, "utf-8") {
                isUTF8 = false
            }
        }
        self.quality = quality
        self.isUTF8 = isUTF8
    }

    func covers(_ mediaType: String) -> Coverage {
        if type == "*" { return .byAny }
        guard mediaType.hasPrefix(type + "/") else { return .not }
        if subtype == "*" { return .byType }
        return mediaType.utf8.count == type.utf8.count + subtype.utf8.count + 1 && mediaType.hasSuffix(subtype)
            ? .exactly : .not
    }
}

private func parameter(_ text: Substring) -> (name: Substring, value: Substring) {
    let text = trimmed(text)
    guard let equals = text.firstIndex(of: "=") else { return (text, "") }
    let value = text[text.index(after: equals)...]
    let isQuoted = value.utf8.count >= 2 && value.first == "\"" && value.last == "\""
    return (text[..<equals], isQuoted ? value.dropFirst().dropLast() : value)
}

/// `0`, `1` and up to three decimals (RFC 9110, 12.4.2).
private func parseQuality(_ text: Substring) -> Int? {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, first == 48 || first == 49, bytes.count <= 5 else { return nil }
    guard bytes.count == 1 || bytes[1] == UInt8(ascii: ".") else { return nil }
    var quality = Int(first - 48)
    for index in 2..<5 {
        let digit = index < bytes.count ? bytes[index] : 48
        guard (48...57).contains(digit) else { return nil }
        quality = quality * 10 + Int(digit - 48)
    }
    return quality <= 1000 ? quality : nil
}

private func isToken(_ text: Substring) -> Bool {
    !text.isEmpty
        && text.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "\"") }
}

func trimmed(_ text: Substring) -> Substring {
    func isBlank(_ byte: UInt8?) -> Bool { byte == 0x20 || byte == 0x09 }
    var text = text
    while isBlank(text.utf8.first) { text = text.dropFirst() }
    while isBlank(text.utf8.last) { text = text.dropLast() }
    return text
}
