internal import FleetDomain

/// What the edge itself needs to know of the header fields, gathered in one pass over them.
struct HeaderNotes {
    private(set) var host: String?
    private(set) var hostCount = 0
    private(set) var isUpgrade = false
    private(set) var requestID: String?
    private(set) var correlationID: String?
    private var expectation: String?
    private var contentLength = 0
    private var isChunked = false
    /// There is a transfer coding that is not understood here.
    private var isEncoded = false

    /// Looks at one field; true for what is not passed on as a field: `Host`, and ids that do not count.
    mutating func take(_ name: String, _ value: String) -> Bool {
        switch name.utf8.count {
        case 4 where equalsIgnoringCase(name, "host"):
            host = value
            hostCount += 1
            return true
        case 6 where equalsIgnoringCase(name, "expect"): expectation = value
        case 7 where equalsIgnoringCase(name, "upgrade"): isUpgrade = true
        case 12 where equalsIgnoringCase(name, "x-request-id"):
            return !keepFirst(value, &requestID)
        // The parser has refused a second length and one that is not a number.
        case 14 where equalsIgnoringCase(name, "content-length"): contentLength = Int(value) ?? .max
        case 16 where equalsIgnoringCase(name, "x-correlation-id"):
            return !keepFirst(value, &correlationID)
        case 17 where equalsIgnoringCase(name, "transfer-encoding"):
            isEncoded = isEncoded || isChunked || !equalsIgnoringCase(value, "chunked")
            isChunked = true
        default: break
        }
        return false
    }

    /// Keeps an id that is accepted and the first of its name.
    private func keepFirst(_ id: String, _ kept: inout String?) -> Bool {
        guard kept == nil, isRequestID(id) else { return false }
        kept = id
        return true
    }

    /// Whether `100 Continue` is due; throws what is said instead of it.
    func expectsContinue(bodyBytesMax: Int) throws(FleetError) -> Bool {
        if let expectation, !equalsIgnoringCase(expectation, "100-continue") {
            throw FleetError(.expectationFailed, "The only expectation that can be met is 100-continue.")
        }
        guard !isEncoded else { throw FleetError(.malformedRequest, "The only transfer coding understood is chunked.") }
        guard contentLength <= bodyBytesMax else { throw .bodyTooLarge(bytesMax: bodyBytesMax) }
        return expectation != nil && (contentLength > 0 || isChunked)
    }
}

extension FleetError {
    static func bodyTooLarge(bytesMax: Int) -> FleetError {
        FleetError(.bodyTooLarge, "The body is larger than \(bytesMax) bytes.")
    }
}

/// Compares ASCII; `lowercase` must have no upper-case letter.
func equalsIgnoringCase(_ text: some StringProtocol, _ lowercase: StaticString) -> Bool {
    guard text.utf8.count == lowercase.utf8CodeUnitCount else { return false }
    var index = 0
    for byte in text.utf8 {
        let lower = (65...90).contains(byte) ? byte | 0x20 : byte
        guard lower == lowercase.utf8Start[index] else { return false }
        index += 1
    }
    return true
}
