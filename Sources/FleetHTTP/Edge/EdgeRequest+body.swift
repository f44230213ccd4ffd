internal import FleetDomain
package import FleetJSON
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore

extension EdgeRequest {
    /// The body as JSON.
    ///
    /// - Throws: `unsupported_media_type` unless it is `application/json`, or for a PATCH
    ///   `application/merge-patch+json`; `malformed_json`, also for an empty body; `invalid_encoding`,
    ///   `duplicate_key`, `nesting_too_deep`, `body_too_large`.
    package func json() async throws -> JSON {
        guard let json = try await optionalJSON() else { throw FleetError(.malformedJSON, "The request has no body.") }
        return json
    }

    /// The body as JSON, or nil when there is none. Throws what `json()` throws.
    package func optionalJSON() async throws -> JSON? {
        guard let bytes = try await optionalBytes() else { return nil }
        do throws(JSONSyntaxError) {
            return try JSON.parse(bytes.readableBytesView, maxDepth: limits.jsonDepthMax)
        } catch {
            throw FleetError(error)
        }
    }

    /// The body as JSON, and the bytes that it was sent as. Throws what `json()` throws.
    package func jsonAndBytes() async throws -> (json: JSON, bytes: [UInt8]) {
        guard let buffer = try await optionalBytes() else {
            throw FleetError(.malformedJSON, "The request has no body.")
        }
        let bytes = Array(buffer.readableBytesView)
        do throws(JSONSyntaxError) {
            return (try JSON.parse(bytes, maxDepth: limits.jsonDepthMax), bytes)
        } catch {
            throw FleetError(error)
        }
    }

    private func optionalBytes() async throws -> ByteBuffer? {
        guard hasBody else { return nil }
        try checkMediaType()
        let bytes = try await bytes()
        return bytes.readableBytes > 0 ? bytes : nil
    }

    /// All of the body.
    ///
    /// - Throws: `body_too_large`; `malformed_request` when the connection ended before it.
    func bytes() async throws -> ByteBuffer {
        let bytes = try await http.body.collect(upTo: limits.bodyBytesMax)
        // Cancelled, or without a connection, one sees the end of the body too early.
        try Task.checkCancellation()
        guard ExchangeNotes.isComplete else { throw FleetError(.malformedRequest, "The request ended early.") }
        return bytes
    }

    private var hasBody: Bool {
        headers.contains(.transferEncoding) || headers[.contentLength].map { $0 != "0" } ?? false
    }

    private func checkMediaType() throws {
        // What nearly every client sends is not looked at any closer.
        if headers[.contentType] == "application/json", !headers.contains(.contentEncoding) { return }
        let allowed = method == .patch ? ["application/merge-patch+json", "application/json"] : ["application/json"]
        guard let type = headers[.contentType].flatMap({ MediaRange($0[...]) }), type.isUTF8,
            allowed.contains(where: { type.covers($0) == .exactly })
        else { throw FleetError(.unsupportedMediaType, "The body must be \(allowed.joined(separator: " or ")).") }
        guard headers[.contentEncoding].map({ equalsIgnoringCase($0, "identity") }) ?? true else {
            throw FleetError(.unsupportedMediaType, "The body must not have a content encoding.")
        }
    }
}

extension FleetError {
    fileprivate init(_ error: JSONSyntaxError) {
        let code: ErrorCode =
            switch error.kind {
            case .syntax, .numberOutOfRange: .malformedJSON
            case .encoding: .invalidEncoding
            case .duplicateKey: .duplicateKey
            case .nestingTooDeep: .nestingTooDeep
            }
        self.init(code, "The body is not accepted as JSON: \(error.message), at byte \(error.offset).")
    }
}
