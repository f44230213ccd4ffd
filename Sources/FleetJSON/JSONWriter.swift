/// Writes compact JSON from left to right; commas are put where they belong.
///
/// The caller closes what it opens and puts a key before every value of an object.
package struct JSONWriter: Sendable {
    package private(set) var bytes: [UInt8]
    /// Whether a value came last, so that whatever comes next, unless it closes, goes after a comma.
    private var needsComma = false

    package init(capacity: Int = 512) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// What has been written so far.
    package var string: String { String(decoding: bytes, as: UTF8.self) }
}

// MARK: - Arrays and objects

extension JSONWriter {
    package mutating func beginObject() { open("{") }
    package mutating func endObject() { close("}") }
    package mutating func beginArray() { open("[") }
    package mutating func endArray() { close("]") }

    /// Writes a key as it stands: ASCII in which nothing needs an escape.
    package mutating func key(_ name: StaticString) {
        separate()
        append("\"")
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        append("\"")
        append(":")
    }

    package mutating func key(string name: String) {
        separate()
        appendQuoted(name)
        append(":")
    }

    private mutating func open(_ bracket: Unicode.Scalar) {
        separate()
        append(bracket)
    }

    private mutating func close(_ bracket: Unicode.Scalar) {
        append(bracket)
        needsComma = true
    }

    /// Writes the comma that is due. After a bracket or a key none is due, and values ask for one themselves.
    private mutating func separate() {
        if needsComma { append(",") }
        needsComma = false
    }
}

// MARK: - Values

extension JSONWriter {
    package mutating func value(_ value: String) {
        separate()
        appendQuoted(value)
        needsComma = true
    }

    /// Writes the string that these bytes spell. They are taken for UTF-8 and not looked at.
    package mutating func value(utf8 bytes: [UInt8]) {
        separate()
        append("\"")
        bytes.withUnsafeBufferPointer { appendEscaping($0) }
        append("\"")
        needsComma = true
    }

    package mutating func value(_ value: Int64) { scalar(value.description) }

    package mutating func value(_ value: Int) { scalar(value.description) }

    package mutating func value(_ value: Bool) { scalar(value ? "true" : "false") }

    /// Writes the shortest form that reads back as the same `Double`, and never as an integer; it must be finite.
    package mutating func value(_ value: Double) {
        precondition(value.isFinite, "JSON has no infinity and no NaN")
        scalar(value.description)
    }

    package mutating func null() { scalar("null") }

    package mutating func value(_ value: JSON) {
        switch value {
        case .null: null()
        case .bool(let value): self.value(value)
        case .integer(let value): self.value(value)
        case .double(let value): self.value(value)
        case .string(let value): self.value(value)
        case .array(let elements): array(elements)
        case .object(let object): self.object(object)
        }
    }

    /// Writes a value that a writer has written before: the text is not looked at.
    package mutating func value(written text: String) { scalar(text) }

    private mutating func array(_ elements: [JSON]) {
        beginArray()
        for element in elements { value(element) }
        endArray()
    }

    private mutating func object(_ object: JSONObject) {
        beginObject()
        for member in object.members {
            key(string: member.key)
            value(member.value)
        }
        endObject()
    }

    private mutating func scalar(_ text: String) {
        separate()
        bytes.append(contentsOf: text.utf8)
        needsComma = true
    }
}

// MARK: - Members

extension JSONWriter {
    /// Writes a member; nil writes nothing, as do the other overloads.
    package mutating func field(_ name: StaticString, _ value: String?) {
        guard let value else { return }
        key(name)
        self.value(value)
    }

    package mutating func field(_ name: StaticString, _ value: Int64?) {
        guard let value else { return }
        key(name)
        self.value(value)
    }

    package mutating func field(_ name: StaticString, _ value: Int?) {
        guard let value else { return }
        key(name)
        self.value(value)
    }

    package mutating func field(_ name: StaticString, _ value: Bool?) {
        guard let value else { return }
        key(name)
        self.value(value)
    }

    package mutating func field(_ name: StaticString, _ value: Double?) {
        guard let value else { return }
        key(name)
        self.value(value)
    }

    package mutating func field(_ name: StaticString, _ value: JSON?) {
        guard let value else { return }
        key(name)
        self.value(value)
    }
}

// MARK: - Bytes

extension JSONWriter {
    private mutating func append(_ scalar: Unicode.Scalar) { bytes.append(UInt8(ascii: scalar)) }

    private mutating func appendQuoted(_ text: String) {
        append("\"")
        var text = text
        text.withUTF8 { appendEscaping($0) }
        append("\"")
    }

    /// Copies the runs between escapes whole; a text that needs no escape is a single run.
    private mutating func appendEscaping(_ utf8: UnsafeBufferPointer<UInt8>) {
        var run = 0
        for index in utf8.indices where Self.needsEscape(utf8[index]) {
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[run..<index]))
            appendEscape(utf8[index])
            run = index + 1
        }
        bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[run...]))
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private mutating func appendEscape(_ byte: UInt8) {
        append("\\")
        switch byte {
        case 0x08: append("b")
        case 0x09: append("t")
        case 0x0A: append("n")
        case 0x0C: append("f")
        case 0x0D: append("r")
        case 0..<0x20: appendCodeUnit(byte)
        default: bytes.append(byte)
        }
    }

    private mutating func appendCodeUnit(_ byte: UInt8) {
        let digits: StaticString = "0123456789abcdef"
        bytes.append(contentsOf: "u00".utf8)
        bytes.append(digits.utf8Start[Int(byte >> 4)])
        bytes.append(digits.utf8Start[Int(byte & 0x0F)])
    }
}

extension JSON {
    /// The value as compact JSON, with the members of objects in their order.
    package func serialized() -> [UInt8] {
        var writer = JSONWriter()
        writer.value(self)
        return writer.bytes
    }

    package var text: String { String(decoding: serialized(), as: UTF8.self) }
}
