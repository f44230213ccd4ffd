internal import HTTPTypes

extension HTTPField.Name {
    static let traceparent = named("traceparent")
}

/// The trace id of a `traceparent` (W3C Trace Context, level 1): 32 hexadecimal digits in lower case, not all 0.
///
/// nil for what is not of the form `version-trace-parent-flags`; such a header counts as absent. A later version may
/// have more parts.
func traceID(of traceparent: String) -> String? {
    let parts = traceparent.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count >= 4, isHex(parts[0], 2), isHex(parts[1], 32), isHex(parts[2], 16), isHex(parts[3], 2),
        parts[0] != "ff", parts[0] != "00" || parts.count == 4, [parts[1], parts[2]].allSatisfy(isNotZero)
    else { return nil }
    return String(parts[1])
}

private func isHex(_ text: Substring, _ count: Int) -> Bool {
    text.utf8.count == count && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
}

private func isNotZero(_ text: Substring) -> Bool { text.utf8.contains { $0 != UInt8(ascii: "0") } }
