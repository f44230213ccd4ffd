package import FleetJSON

/// An entity that is kept whole: as a row of its table and as the data of its events.
///
/// `fields` and `values` list the same things in the same order, and `init(reading:)` reads them back in it;
/// that one description serves the tables, the log and the rebuild.
package protocol Record: Sendable, Equatable {
    static var fields: [StaticString] { get }
    var values: [FieldValue] { get }
    init(reading reader: inout RecordReader) throws(RecordError)
}

/// Stored bytes are not a record that we wrote.
package struct RecordError: Error, Equatable {
    package let field: String
}

extension Record {
    /// Appends the record as a JSON object: times in milliseconds, ids as text.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        for (name, value) in zip(Self.fields, values) {
            writer.key(name)
            switch value {
            case .null: writer.null()
            case .integer(let value), .timestamp(let value): writer.value(value)
            case .real(let value): writer.value(value)
            case .text(let value): writer.value(value)
            case .id(let value): writer.value(ID<Never>(raw: value).description)
            case .bytes(let value): writer.value(hexadecimal(value))
            case .json(let text): writer.value(written: text)
            }
        }
        writer.endObject()
    }

    /// Reads what `write` wrote. Members may stand in another order; a missing one reads as null.
    package init(json: JSONObject) throws(RecordError) {
        var reader = RecordReader(
            values: Self.fields.enumerated().map { index, name in
                if index < json.members.count, json.members[index].key == name.description {
                    FieldValue(json: json.members[index].value)
                } else {
                    json[name.description].map(FieldValue.init(json:)) ?? .null
                }
            }, fields: Self.fields)
        try self.init(reading: &reader)
    }

    package init(values: [FieldValue]) throws(RecordError) {
        var reader = RecordReader(values: values, fields: Self.fields)
        try self.init(reading: &reader)
    }
}

extension FieldValue {
    fileprivate init(json: JSON) {
        switch json {
        case .null: self = .null
        case .bool(let value): self = .integer(value ? 1 : 0)
        case .integer(let value): self = .integer(value)
        case .double(let value): self = .real(value)
        case .string(let value): self = .text(value)
        case .array, .object: self = .json(json.text)
        }
    }
}

private func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count * 2)
    for byte in bytes {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
}

/// Reads the values of a record one after the other; a value of the wrong kind is a `RecordError`.
package struct RecordReader {
    private let values: [FieldValue]
    private let fields: [StaticString]
    private var index = 0

    package init(values: [FieldValue], fields: [StaticString]) {
        self.values = values
        self.fields = fields
    }

    private mutating func take<Value>(_ convert: (FieldValue) -> Value?) throws(RecordError) -> Value {
        let value = index < values.count ? values[index] : .null
        guard let converted = convert(value) else {
            throw RecordError(field: index < fields.count ? fields[index].description : "#\(index)")
        }
        index += 1
        return converted
    }

    private mutating func takeOptional<Value>(_ convert: (FieldValue) -> Value?) throws(RecordError) -> Value? {
        if index >= values.count || values[index] == .null {
            index += 1
            return nil
        }
        return try take(convert)
    }

    package mutating func text() throws(RecordError) -> String { try take(\.asText) }
    package mutating func optionalText() throws(RecordError) -> String? { try takeOptional(\.asText) }
    package mutating func integer() throws(RecordError) -> Int64 { try take(\.asInteger) }
    package mutating func optionalInteger() throws(RecordError) -> Int64? { try takeOptional(\.asInteger) }
    package mutating func real() throws(RecordError) -> Double { try take(\.asReal) }
    package mutating func bool() throws(RecordError) -> Bool { try take(\.asInteger) != 0 }
    package mutating func time() throws(RecordError) -> Timestamp { try take(\.asTimestamp) }
    package mutating func optionalTime() throws(RecordError) -> Timestamp? { try takeOptional(\.asTimestamp) }

    package mutating func id<Entity>() throws(RecordError) -> ID<Entity> {
        try take { $0.asID.map(ID<Entity>.init(raw:)) }
    }

    package mutating func optionalID<Entity>() throws(RecordError) -> ID<Entity>? {
        try takeOptional { $0.asID.map(ID<Entity>.init(raw:)) }
    }

    package mutating func name<Entity>() throws(RecordError) -> Name<Entity> {
        try take { $0.asText.flatMap(Name<Entity>.init) }
    }

    package mutating func optionalName<Entity>() throws(RecordError) -> Name<Entity>? {
        try takeOptional { $0.asText.flatMap(Name<Entity>.init) }
    }

    package mutating func choice<Choice: RawRepresentable<String>>() throws(RecordError) -> Choice {
        try take { $0.asText.flatMap(Choice.init(rawValue:)) }
    }

    package mutating func optionalChoice<Choice: RawRepresentable<String>>() throws(RecordError) -> Choice? {
        try takeOptional { $0.asText.flatMap(Choice.init(rawValue:)) }
    }

    package mutating func bytes() throws(RecordError) -> [UInt8] {
        try take { value in value.asBytes ?? value.asText.flatMap(bytesFromHexadecimal) }
    }

    package mutating func json() throws(RecordError) -> JSON { try take(\.asJSON) }
    package mutating func optionalJSON() throws(RecordError) -> JSON? { try takeOptional(\.asJSON) }

    package mutating func optionalSealed() throws(RecordError) -> Sealed? {
        guard let json = try optionalJSON() else { return nil }
        return try Sealed(json: json)
    }
}

private func bytesFromHexadecimal(_ text: String) -> [UInt8]? {
    let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    guard digits.count == text.utf8.count, digits.count.isMultiple(of: 2) else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
}

extension FieldValue {
    fileprivate var asJSON: JSON? {
        switch self {
        case .text(let text), .json(let text): try? JSON.parse(text)
        default: nil
        }
    }

    package static func text(_ value: String?) -> FieldValue { value.map { .text($0) } ?? .null }
    package static func integer(_ value: Int64?) -> FieldValue { value.map { .integer($0) } ?? .null }
    package static func time(_ value: Timestamp?) -> FieldValue { value.map { .timestamp($0.milliseconds) } ?? .null }
    package static func bool(_ value: Bool) -> FieldValue { .integer(value ? 1 : 0) }
    package static func json(_ value: JSON) -> FieldValue { .json(value.text) }
    package static func id<Entity>(_ value: ID<Entity>) -> FieldValue { .id(value.raw) }
    package static func id<Entity>(_ value: ID<Entity>?) -> FieldValue { value.map { .id($0.raw) } ?? .null }
    package static func name<Entity>(_ value: Name<Entity>) -> FieldValue { .text(value.description) }
    package static func name<Entity>(_ value: Name<Entity>?) -> FieldValue { .text(value?.description) }
    package static func choice(_ value: (some RawRepresentable<String>)?) -> FieldValue { .text(value?.rawValue) }
}

extension Set where Element: LosslessStringConvertible {
    /// The elements as a JSON array in ascending byte order.
    package var sortedJSON: JSON {
        .array(map(\.description).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map(JSON.string))
    }
}

extension JSON {
    /// The elements of an array of strings, each parsed; nil when one is not a string or does not parse.
    package func strings<Value>(_ parse: (String) -> Value?) -> [Value]? {
        guard let array = arrayValue else { return nil }
        let parsed = array.compactMap { $0.stringValue.flatMap(parse) }
        return parsed.count == array.count ? parsed : nil
    }
}
