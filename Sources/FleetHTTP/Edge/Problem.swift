package import FleetDomain
internal import FleetJSON
package import HTTPTypes

/// An error as a problem document (RFC 9457) with the headers that belong to it.
package struct Problem: Sendable {
    package let error: FleetError
    /// The path as it was sent, without the query; nil when no path was understood.
    package let path: String?
    package let requestID: String
    private let presentation: ErrorPresentation

    package init(_ error: FleetError, path: String?, requestID: String) {
        self.error = error
        self.path = path
        self.requestID = requestID
        presentation = error.code.presentation
    }

    package var status: HTTPResponse.Status { presentation.status }

    package var headers: HTTPFields {
        var fields = HTTPFields()
        fields.append(HTTPField(name: .contentType, value: "application/problem+json"))
        if status == .serviceUnavailable { fields.append(HTTPField(name: .retryAfter, value: "1")) }
        if status == .unauthorized { fields.append(HTTPField(name: .wwwAuthenticate, value: challenge)) }
        return fields
    }

    private var challenge: String {
        let realm = #"Bearer realm="fleet-coordination""#
        return error.code == .invalidCredentials ? realm + #", error="invalid_token""# : realm
    }

    package var bytes: [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.field("type", "urn:fleet-coordination:problem:" + error.code.rawValue)
        json.field("title", presentation.title)
        json.field("status", status.code)
        json.field("detail", error.message)
        json.field("instance", path)
        json.field("code", error.code.rawValue)
        json.field("request_id", requestID)
        json.field("retryable", presentation.isRetryable)
        if !error.faults.isEmpty { write(error.faults, to: &json) }
        if let explanation = error.explanation {
            json.key("explanation")
            explanation.write(to: &json)
        }
        for (name, detail) in error.details.sorted(by: { $0.key < $1.key }) {
            json.key(string: name)
            detail.write(to: &json)
        }
        json.endObject()
        return json.bytes
    }

    private func write(_ faults: [FleetError.Fault], to json: inout JSONWriter) {
        json.key("errors")
        json.beginArray()
        for fault in faults {
            json.beginObject()
            json.field("pointer", fault.pointer)
            json.field("code", fault.code)
            json.field("detail", fault.detail)
            json.endObject()
        }
        json.endArray()
    }
}

extension ErrorDetail {
    fileprivate func write(to json: inout JSONWriter) {
        switch self {
        case .integer(let value): json.value(value)
        case .text(let value): json.value(value)
        case .list(let values):
            json.beginArray()
            for value in values { json.value(value) }
            json.endArray()
        }
    }
}
