package import FleetDomain
package import FleetJSON

/// The form of a JSON value: what a body must look like, and what the OpenAPI document says it looks like.
package indirect enum Schema: Sendable {
    /// Text of so many Unicode scalars, without control characters.
    case string(ClosedRange<Int>)
    /// An id that a caller chooses.
    case name
    /// Such an id, or `*`.
    case nameOrAny
    case uuid
    case integer(ClosedRange<Int64>)
    case number
    case boolean
    case timestamp
    case choice([String])
    case array(Schema, atMost: Int)
    case object([Field])
    /// Any JSON object of at most so many members.
    case attributes(atMost: Int)
    case nullable(Schema)
    /// Any JSON.
    case anything

    package struct Field: Sendable {
        let name: String
        let schema: Schema
        let isRequired: Bool
        let summary: String

        package init(_ name: String, _ schema: Schema, required: Bool = false, _ summary: String = "") {
            self.name = name
            self.schema = schema
            isRequired = required
            self.summary = summary
        }
    }

    /// The texts of an enumeration.
    package static func choice<Choice: RawRepresentable<String> & CaseIterable>(_: Choice.Type) -> Schema {
        .choice(Choice.allCases.map(\.rawValue))
    }
}

extension Schema {
    /// Faults that are told of: nobody mends more at a time, and an answer must not be many times its request.
    private static let faultsMax = 100

    /// Checks a body and gives its members; all faults at once, the first of very many.
    ///
    /// - Throws: `validation_failed`.
    package func check(_ json: JSON) throws(FleetError) -> JSONObject {
        var faults: [FleetError.Fault] = []
        validate(json, at: "", &faults)
        guard faults.isEmpty, let object = json.objectValue else {
            throw FleetError(
                .validationFailed, "The body has \(faults.count) \(faults.count == 1 ? "fault" : "faults").",
                faults: Array(faults.prefix(Self.faultsMax)))
        }
        return object
    }

    /// - Parameter pointer: where the value stands; made only for what is wrong.
    private func validate(_ json: JSON, at pointer: @autoclosure () -> String, _ faults: inout [FleetError.Fault]) {
        switch (self, json) {
        case (.nullable, .null), (.anything, _): break
        case (.nullable(let schema), _): schema.validate(json, at: pointer(), &faults)
        case (.object(let fields), .object(let object)): validate(object, fields, at: pointer(), &faults)
        case (.array(let element, let limit), .array(let array)):
            if array.count > limit {
                faults.append(FleetError.Fault(pointer(), "too_many", "has more than \(limit) elements"))
            }
            for (index, value) in array.prefix(limit).enumerated() {
                element.validate(value, at: "\(pointer())/\(index)", &faults)
            }
        case (.attributes(let limit), .object(let object)):
            if object.members.count > limit {
                faults.append(FleetError.Fault(pointer(), "too_many", "has more than \(limit) members"))
            } else if json.text.utf8.count > Resource.attributeBytesMax {
                faults.append(
                    FleetError.Fault(pointer(), "too_long", "is longer than \(Resource.attributeBytesMax) bytes"))
            }
        case (.boolean, .bool): break
        case (.number, .integer), (.number, .double): break
        case (.integer(let range), .integer(let value)):
            if !range.contains(value) {
                faults.append(
                    FleetError.Fault(
                        pointer(), "out_of_range", "is not from \(range.lowerBound) to \(range.upperBound)"))
            }
        case (_, .string(let text)): validate(text, at: pointer(), &faults)
        default: faults.append(FleetError.Fault(pointer(), "wrong_type", "is not \(typeName)"))
        }
    }

    private func validate(
        _ object: JSONObject, _ fields: [Field], at pointer: @autoclosure () -> String,
        _ faults: inout [FleetError.Fault]
    ) {
        for member in object.members {
            if let field = fields.first(where: { $0.name == member.key }) {
                field.schema.validate(member.value, at: "\(pointer())/\(field.name)", &faults)
            } else {
                let place = "\(pointer())/\(Schema.escaped(member.key))"
                faults.append(FleetError.Fault(place, "unknown_field", "is not known here"))
            }
        }
        for field in fields where field.isRequired && object[field.name] == nil {
            faults.append(FleetError.Fault("\(pointer())/\(field.name)", "required", "is missing"))
        }
    }

    private func validate(_ text: String, at pointer: @autoclosure () -> String, _ faults: inout [FleetError.Fault]) {
        let fault: (code: String, detail: String)? =
            switch self {
            case .string(let range): Schema.fault(of: text, range)
            case .name where Name<Never>(text) == nil:
                ("invalid_name", "is not 1 to 64 of A-Z a-z 0-9 . _ : - beginning with a letter or digit")
            case .nameOrAny where text != "*" && Name<Never>(text) == nil: ("invalid_name", "is neither an id nor *")
            case .uuid where ID<Never>(text) == nil: ("invalid_uuid", "is not a UUID")
            case .timestamp where Timestamp(text) == nil: ("invalid_timestamp", "is not an RFC 3339 time")
            case .choice(let values) where !values.contains(text):
                ("invalid_value", "is not one of \(values.joined(separator: ", "))")
            case .name, .nameOrAny, .uuid, .timestamp, .choice: nil
            default: ("wrong_type", "is not \(typeName)")
            }
        if let fault { faults.append(FleetError.Fault(pointer(), fault.code, fault.detail)) }
    }

    private static func fault(of text: String, _ range: ClosedRange<Int>) -> (code: String, detail: String)? {
        let count = text.unicodeScalars.count
        if count < range.lowerBound { return ("too_short", "is shorter than \(range.lowerBound) characters") }
        if count > range.upperBound { return ("too_long", "is longer than \(range.upperBound) characters") }
        let isPlain = text.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 }
        return isPlain ? nil : ("invalid_character", "has a control character")
    }

    /// A JSON pointer's token (RFC 6901), cut so that an answer stays small whatever was sent.
    private static func escaped(_ key: String) -> String {
        String(key.prefix(64)).split(separator: "~", omittingEmptySubsequences: false).joined(separator: "~0")
            .split(separator: "/", omittingEmptySubsequences: false).joined(separator: "~1")
    }

    private var typeName: String {
        switch self {
        case .string, .name, .nameOrAny, .uuid, .timestamp, .choice: "a string"
        case .integer: "an integer"
        case .number: "a number"
        case .boolean: "a boolean"
        case .array: "an array"
        case .object, .attributes: "an object"
        case .nullable(let schema): schema.typeName
        case .anything: "a value"
        }
    }
}

extension Schema {
    /// The schema in the words of OpenAPI 3.1, which are JSON Schema 2020-12.
    var openAPI: JSON {
        switch self {
        case .string(let range):
            [
                "type": .string("string"), "minLength": .integer(Int64(range.lowerBound)),
                "maxLength": .integer(Int64(range.upperBound)),
            ]
        case .name: ["type": .string("string"), "pattern": .string("^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
        case .nameOrAny: ["type": .string("string"), "pattern": .string("^([*]|[A-Za-z0-9][A-Za-z0-9._:-]{0,63})$")]
        case .uuid: ["type": .string("string"), "format": .string("uuid")]
        case .integer(let range):
            [
                "type": .string("integer"), "minimum": .integer(range.lowerBound),
                "maximum": .integer(range.upperBound),
            ]
        case .number: ["type": .string("number")]
        case .boolean: ["type": .string("boolean")]
        case .timestamp: ["type": .string("string"), "format": .string("date-time")]
        case .choice(let values):
            ["type": .string("string"), "enum": .array(values.map(JSON.string))]
        case .array(let element, let limit):
            ["type": .string("array"), "items": element.openAPI, "maxItems": .integer(Int64(limit))]
        case .attributes(let limit):
            ["type": .string("object"), "maxProperties": .integer(Int64(limit)), "additionalProperties": .bool(true)]
        case .anything: .object(JSONObject())
        case .nullable(let schema): ["anyOf": .array([schema.openAPI, ["type": .string("null")]])]
        case .object(let fields): Schema.openAPI(of: fields)
        }
    }

    private static func openAPI(of fields: [Field]) -> JSON {
        var properties = JSONObject()
        for field in fields {
            guard case .object(var schema) = field.schema.openAPI else { continue }
            if !field.summary.isEmpty { schema["description"] = .string(field.summary) }
            properties[field.name] = .object(schema)
        }
        var object: JSONObject = [
            "type": .string("object"), "properties": .object(properties), "additionalProperties": .bool(false),
        ]
        let required = fields.filter(\.isRequired).map { JSON.string($0.name) }
        if !required.isEmpty { object["required"] = .array(required) }
        return .object(object)
    }
}

extension JSON: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(JSONObject(elements.map { JSONObject.Member(key: $0.0, value: $0.1) }))
    }
}
