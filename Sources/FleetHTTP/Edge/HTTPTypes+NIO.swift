internal import HTTPTypes
internal import NIOHTTP1

extension HTTPHeaders {
    init(_ fields: HTTPFields) { self.init(fields.map { ($0.name.rawName, $0.value) }) }
}

extension HTTPFields {
    /// Fields whose name is not a token are left out; the parser lets none through.
    init(_ headers: HTTPHeaders) {
        self.init()
        for (name, value) in headers {
            guard let name = HTTPField.Name(name) else { continue }
            append(HTTPField(name: name, value: value))
        }
    }
}

extension HTTPResponseStatus {
    init(_ status: HTTPResponse.Status) { self.init(statusCode: status.code, reasonPhrase: status.reasonPhrase) }
}
