internal import FleetDomain
package import HTTPTypes
internal import NIOHTTP1
internal import Synchronization

/// The names under which a request is found again in logs, here and at its caller.
package struct RequestIdentity: Sendable, Equatable {
    /// The caller's `X-Request-ID`, else its `X-Correlation-ID`, else one of ours.
    package let requestID: String
    package let correlationID: String
    /// Nobody named the request; the id is ours.
    let isOurs: Bool

    /// Ids that do not have the accepted form count as absent.
    init(requestID: String?, correlationID: String?, _ source: RequestIDSource) {
        let request = requestID.flatMap { isRequestID($0) ? $0 : nil }
        let correlation = correlationID.flatMap { isRequestID($0) ? $0 : nil }
        isOurs = request == nil && correlation == nil
        let id = request ?? correlation ?? source.next()
        self.requestID = id
        self.correlationID = correlation ?? id
    }

    package init(_ fields: HTTPFields, _ source: RequestIDSource) {
        self.init(requestID: fields[.xRequestID], correlationID: fields[.xCorrelationID], source)
    }

    init(_ headers: HTTPHeaders, _ source: RequestIDSource) {
        self.init(
            requestID: headers.first(name: "x-request-id"), correlationID: headers.first(name: "x-correlation-id"),
            source)
    }

    package func echo(in fields: inout HTTPFields) {
        fields.append(HTTPField(name: .xRequestID, value: requestID))
        fields.append(HTTPField(name: .xCorrelationID, value: correlationID))
    }
}

/// `[A-Za-z0-9._-]{1,128}`: nothing that could break a log line or a header.
func isRequestID(_ text: String) -> Bool {
    let bytes = text.utf8
    return (1...128).contains(bytes.count)
        && bytes.allSatisfy { byte in
            switch byte {
            case 48...57, 65...90, 97...122: true
            case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
            default: false
            }
        }
}

extension HTTPField.Name {
    package static let xRequestID = named("X-Request-ID")
    package static let xCorrelationID = named("X-Correlation-ID")

    /// - Precondition: `name` is a token.
    package static func named(_ name: String) -> HTTPField.Name {
        guard let field = HTTPField.Name(name) else { preconditionFailure("a header's name is a token") }
        return field
    }
}

/// Makes request ids in the form of a UUID (version 8, RFC 9562): the process's random half, and a counter behind Swift's
/// own keyed hash (SipHash under a random key of the process), so that no request asks the system for randomness, and no id
/// tells how many there were before it.
package final class RequestIDSource: Sendable {
    private let process: UInt64
    private let counter = Atomic<UInt64>(0)

    package init(seed: UInt64) { process = seed & ~0xf000 | 0x8000 }

    package func next() -> String {
        let count = counter.wrappingAdd(1, ordering: .relaxed).newValue
        // Of the hash the variant leaves 62 bits.
        let low = UInt64(bitPattern: Int64(count.hashValue)) & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
        return ID<RequestIDSource>(raw: UInt128(process) << 64 | UInt128(low)).description
    }
}
