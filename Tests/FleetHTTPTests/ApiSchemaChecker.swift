import FleetDomain
import FleetJSON
import FleetTestSupport

/// A small checker of JSON Schema 2020-12, for the words that the document uses. It is stricter than the standard:
/// a member that is not documented is a fault unless the schema says that any are allowed, and so is a keyword that
/// the checker does not know.
struct ApiSchemaChecker {
    let document: JSON

    /// What a `$ref` points to.
    func resolve(_ reference: String) -> JSON? {
        guard reference.hasPrefix("#/") else { return nil }
        return reference.dropFirst(2).split(separator: "/").reduce(document as JSON?) { $0?.objectValue?[String($1)] }
    }

    /// Every fault of `value`, with its place.
    func faults(of value: JSON, against schema: JSON?, at place: String = "") -> [String] {
        guard let schema = schema?.objectValue else { return ["\(place): there is no schema"] }
        if let reference = schema["$ref"]?.stringValue {
            guard let target = resolve(reference) else { return ["\(place): \(reference) leads nowhere"] }
            return faults(of: value, against: target, at: place)
        }
        return schema.members.flatMap { keyword in
            faults(of: value, keyword.key, keyword.value, schema).map {
                $0.hasPrefix("/") ? place + $0 : "\(place): \($0)"
            }
        }
    }

    private func faults(of value: JSON, _ keyword: String, _ argument: JSON, _ schema: JSONObject) -> [String] {
        switch keyword {
        case "description": []
        case "type": fault("is not of type \(argument.text)", unless: isOfType(value, argument))
        case "enum": fault("is none of \(argument.text)", unless: argument.arrayValue?.contains(value) == true)
        case "anyOf":
            fault(
                "fits none of \(argument.text)",
                unless: argument.arrayValue?.contains { faults(of: value, against: $0).isEmpty } == true)
        case "format": fault("is no \(argument.text)", unless: hasFormat(value, argument.stringValue ?? ""))
        case "pattern":
            // The only patterns are those of ids; the grammar of ids has its own tests.
            fault("is no id", unless: value.stringValue.map { $0 == "*" || Name<Never>($0) != nil } ?? true)
        case "required":
            (argument.arrayValue ?? []).compactMap(\.stringValue).filter { value.objectValue?[$0] == nil }
                .map { "/\($0) is missing" }
        case "properties": memberFaults(of: value, argument, schema)
        case "additionalProperties": []
        case "items":
            (value.arrayValue ?? []).enumerated().flatMap { faults(of: $1, against: argument, at: "/\($0)") }
        case "minimum", "maximum", "minLength", "maxLength", "maxItems", "maxProperties":
            fault("breaks \(keyword) \(argument.text)", unless: isWithin(value, keyword, argument.doubleValue ?? 0))
        default: ["the keyword \(keyword) is not known"]
        }
    }

    private func fault(_ text: String, unless isFine: Bool) -> [String] { isFine ? [] : [text] }

    private func memberFaults(of value: JSON, _ properties: JSON, _ schema: JSONObject) -> [String] {
        (value.objectValue?.members ?? []).flatMap { member -> [String] in
            if let known = properties.objectValue?[member.key] {
                return faults(of: member.value, against: known, at: "/\(member.key)")
            }
            return schema["additionalProperties"] == .bool(true) ? [] : ["/\(member.key) is not documented"]
        }
    }

    private func isOfType(_ value: JSON, _ type: JSON) -> Bool {
        let types = type.arrayValue?.compactMap(\.stringValue) ?? [type.stringValue ?? ""]
        return types.contains { type in
            switch (type, value) {
            case ("null", .null), ("boolean", .bool), ("integer", .integer), ("number", .integer), ("number", .double),
                ("string", .string), ("array", .array), ("object", .object):
                true
            default: false
            }
        }
    }

    private func hasFormat(_ value: JSON, _ format: String) -> Bool {
        guard let text = value.stringValue else { return true }
        return switch format {
        case "uuid": ID<Never>(text) != nil
        case "date-time": Timestamp(text).map { $0.description == text } ?? false
        default: false
        }
    }

    private func isWithin(_ value: JSON, _ keyword: String, _ limit: Double) -> Bool {
        switch (keyword, value) {
        case ("minimum", _): value.doubleValue.map { $0 >= limit } ?? true
        case ("maximum", _): value.doubleValue.map { $0 <= limit } ?? true
        case ("minLength", .string(let text)): Double(text.unicodeScalars.count) >= limit
        case ("maxLength", .string(let text)): Double(text.unicodeScalars.count) <= limit
        case ("maxItems", .array(let array)): Double(array.count) <= limit
        case ("maxProperties", .object(let object)): Double(object.members.count) <= limit
        default: true
        }
    }
}

/// The document, asked about answers.
struct ApiDocument {
    let json: JSON
    var checker: ApiSchemaChecker { ApiSchemaChecker(document: json) }

    func operation(_ method: String, _ pattern: String) -> JSON? { json.at("paths", pattern, method.lowercased()) }

    /// Every fault of an answer against what the document says of its operation and status.
    func faults(_ method: String, _ pattern: String, _ reply: TestService.Reply) -> [String] {
        guard let responses = operation(method, pattern)?.at("responses") else { return ["is not documented"] }
        let exact = responses.at("\(reply.status)")
        guard let response = exact ?? (reply.status >= 400 ? responses.at("default") : nil) else {
            return ["the status \(reply.status) is not documented"]
        }
        guard let content = response.at("content")?.objectValue?.members.first else {
            return reply.bytes.isEmpty ? [] : ["there is a body, and none is documented"]
        }
        let type = reply.headers["content-type"]?.split(separator: ";").first.map(String.init)
        guard type == content.key else { return ["is \(type ?? "nothing"), not \(content.key)"] }
        guard content.key.hasSuffix("json") else { return [] }
        guard let value = try? JSON.parse(reply.bytes) else { return ["is not JSON: \(reply.body)"] }
        return checker.faults(of: value, against: content.value.at("schema"))
    }
}
