extension JSON {
    /// Parses exactly one value, with nothing but whitespace around it.
    ///
    /// A scalar on its own has depth 0; every array or object around a value adds one, up to `maxDepth`.
    package static func parse(
        _ bytes: some Collection<UInt8>, maxDepth: Int = 32
    ) throws(JSONSyntaxError) -> JSON {
        let parsed = bytes.withContiguousStorageIfAvailable { JSONParser.parse($0, maxDepth: maxDepth) }
        if let parsed { return try parsed.get() }
        return try Array(bytes).withUnsafeBufferPointer { JSONParser.parse($0, maxDepth: maxDepth) }.get()
    }

    /// The text of a member of the one object that `bytes` hold, as it was written: numbers keep every digit.
    package static func text(
        ofMember key: String, in bytes: [UInt8], maxDepth: Int = 32
    ) throws(JSONSyntaxError) -> String? {
        try bytes.withUnsafeBufferPointer { JSONParser.text(ofMember: key, in: $0, maxDepth: maxDepth) }.get()
    }

    /// Parses exactly one value; offsets in errors count UTF-8 bytes.
    package static func parse(_ text: String, maxDepth: Int = 32) throws(JSONSyntaxError) -> JSON {
        var text = text
        return try text.withUTF8 { JSONParser.parse($0, maxDepth: maxDepth) }.get()
    }
}

/// A recursive descent over the bytes of one text. The recursion is bounded by `maxDepth`.
private struct JSONParser {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let maxDepth: Int
    /// The next byte to read, always in `0...bytes.count`.
    private var position = 0

    private init(bytes: UnsafeBufferPointer<UInt8>, maxDepth: Int) {
        self.bytes = bytes
        self.maxDepth = maxDepth
    }

    /// Returns the error instead of throwing it: closures over contiguous storage cannot throw a typed error.
    static func parse(_ bytes: UnsafeBufferPointer<UInt8>, maxDepth: Int) -> Result<JSON, JSONSyntaxError> {
        Result { () throws(JSONSyntaxError) -> JSON in
            var parser = JSONParser(bytes: bytes, maxDepth: maxDepth)
            return try parser.parseText()
        }
    }

    static func text(
        ofMember key: String, in bytes: UnsafeBufferPointer<UInt8>, maxDepth: Int
    ) -> Result<String?, JSONSyntaxError> {
        Result { () throws(JSONSyntaxError) -> String? in
            var parser = JSONParser(bytes: bytes, maxDepth: maxDepth)
            parser.skipWhitespace()
            guard parser.current == "{" else { return nil }
            return try parser.textOfMember(key)
        }
    }

    private mutating func textOfMember(_ wanted: String) throws(JSONSyntaxError) -> String? {
        try enter(depth: 1)
        var keys = SeenKeys()
        if consume("}") { return nil }
        repeat {
            skipWhitespace()
            let key = try parseKey(&keys, after: [])
            let start = position
            _ = try parseValue(depth: 1)
            if key.utf8.elementsEqual(wanted.utf8) { return String(decoding: bytes[start..<position], as: UTF8.self) }
            skipWhitespace()
        } while consume(",")
        return nil
    }

    private mutating func parseText() throws(JSONSyntaxError) -> JSON {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw JSONSyntaxError(kind: .encoding, offset: 0, message: "byte order mark before the value")
        }
        skipWhitespace()
        let value = try parseValue(depth: 0)
        skipWhitespace()
        guard position == bytes.count else { throw expected("nothing after the value") }
        return value
    }

    private mutating func parseValue(depth: Int) throws(JSONSyntaxError) -> JSON {
        switch current {
        case "{": return .object(JSONObject(try parseMembers(depth: depth + 1)))
        case "[": return .array(try parseElements(depth: depth + 1))
        case "\"": return .string(try parseString())
        case "-", "0"..."9": return try parseNumber()
        case "t": return try parseWord("true", meaning: .bool(true))
        case "f": return try parseWord("false", meaning: .bool(false))
        case "n": return try parseWord("null", meaning: .null)
        default: throw expected("a value")
        }
    }

    private mutating func parseWord(_ word: StaticString, meaning: JSON) throws(JSONSyntaxError) -> JSON {
        let start = position
        for index in 0..<word.utf8CodeUnitCount {
            guard current == word.utf8Start[index] else { throw expected("a value", at: start) }
            position += 1
        }
        return meaning
    }
}

// MARK: - Arrays and objects

extension JSONParser {
    private mutating func parseElements(depth: Int) throws(JSONSyntaxError) -> [JSON] {
        try enter(depth: depth)
        var elements: [JSON] = []
        if consume("]") { return elements }
        repeat {
            skipWhitespace()
            elements.append(try parseValue(depth: depth))
            skipWhitespace()
        } while consume(",")
        guard consume("]") else { throw expected("',' or ']'") }
        return elements
    }

    private mutating func parseMembers(depth: Int) throws(JSONSyntaxError) -> [JSONObject.Member] {
        try enter(depth: depth)
        var members: [JSONObject.Member] = []
        var keys = SeenKeys()
        if consume("}") { return members }
        repeat {
            skipWhitespace()
            let key = try parseKey(&keys, after: members)
            members.append(JSONObject.Member(key: key, value: try parseValue(depth: depth)))
            skipWhitespace()
        } while consume(",")
        guard consume("}") else { throw expected("',' or '}'") }
        return members
    }

    /// Reads a key and its colon, up to the value.
    private mutating func parseKey(
        _ keys: inout SeenKeys, after members: [JSONObject.Member]
    ) throws(JSONSyntaxError) -> String {
        guard current == "\"" else { throw expected("a string as key") }
        let start = position
        let key = try parseString()
        guard keys.insert(key, after: members) else {
            throw JSONSyntaxError(kind: .duplicateKey, offset: start, message: "duplicate key")
        }
        skipWhitespace()
        guard consume(":") else { throw expected("':'") }
        skipWhitespace()
        return key
    }

    /// Steps over an opening bracket and the whitespace after it.
    private mutating func enter(depth: Int) throws(JSONSyntaxError) {
        guard depth <= maxDepth else {
            throw JSONSyntaxError(kind: .nestingTooDeep, offset: position, message: "nested deeper than \(maxDepth)")
        }
        position += 1
        skipWhitespace()
    }
}

// MARK: - Strings

extension JSONParser {
    private mutating func parseString() throws(JSONSyntaxError) -> String {
        position += 1
        let start = position
        try skipPlainCharacters()
        if consume("\"") { return text(in: start..<position - 1) }
        return try parseEscapedString(from: start)
    }

    /// Reads a string that has an escape at `position`: plain runs are copied, the escapes between them decoded.
    private mutating func parseEscapedString(from start: Int) throws(JSONSyntaxError) -> String {
        var unescaped = Array(bytes[start..<position])
        while consume("\\") {
            try parseEscape(into: &unescaped)
            let run = position
            try skipPlainCharacters()
            unescaped.append(contentsOf: bytes[run..<position])
        }
        guard consume("\"") else { throw expected("a closing '\"' and no control character before it") }
        return String(decoding: unescaped, as: UTF8.self)
    }

    /// Stops at a quote, a backslash, a control character or the end of the text.
    private mutating func skipPlainCharacters() throws(JSONSyntaxError) {
        while position < bytes.count {
            switch bytes[position] {
            case "\"", "\\", 0..<0x20: return
            case 0x80...0xFF: position += try multibyteLength()
            default: position += 1
            }
        }
    }

    private mutating func parseEscape(into unescaped: inout [UInt8]) throws(JSONSyntaxError) {
        switch current {
        case "\"", "\\", "/": unescaped.append(current)
        case "b": unescaped.append(0x08)
        case "f": unescaped.append(0x0C)
        case "n": unescaped.append(0x0A)
        case "r": unescaped.append(0x0D)
        case "t": unescaped.append(0x09)
        case "u": return unescaped.append(contentsOf: try parseUnicodeEscape().utf8)
        default: throw expected("one of \"\\/bfnrtu after '\\'")
        }
        position += 1
    }

    private mutating func parseUnicodeEscape() throws(JSONSyntaxError) -> Unicode.Scalar {
        let start = position - 1
        let unit = try parseCodeUnit()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard UTF16.isLeadSurrogate(unit), consume("\\"), current == "u" else { throw loneSurrogate(at: start) }
        let trail = try parseCodeUnit()
        guard UTF16.isTrailSurrogate(trail) else { throw loneSurrogate(at: start) }
        return UTF16.decode(UTF16.EncodedScalar([unit, trail]))
    }

    /// Reads the `u` at `position` and the four hexadecimal digits after it.
    private mutating func parseCodeUnit() throws(JSONSyntaxError) -> UInt16 {
        position += 1
        var unit: UInt16 = 0
        for _ in 0..<4 {
            switch current {
            case "0"..."9": unit = unit << 4 | UInt16(current & 0x0F)
            // The low four bits of A to F, and of a to f, count from 1.
            case "A"..."F", "a"..."f": unit = unit << 4 | UInt16(current & 0x0F + 9)
            default: throw expected("four hexadecimal digits after '\\u'")
            }
            position += 1
        }
        return unit
    }

    private func loneSurrogate(at offset: Int) -> JSONSyntaxError {
        JSONSyntaxError(kind: .encoding, offset: offset, message: "escaped surrogate without its pair")
    }
}

// MARK: - Numbers

extension JSONParser {
    private mutating func parseNumber() throws(JSONSyntaxError) -> JSON {
        let start = position
        let isNegative = consume("-")
        let digits = try parseWholePart()
        let hasFraction = try parseFraction()
        let hasExponent = try parseExponent()
        if !hasFraction, !hasExponent, let value = integer(digits: digits, isNegative: isNegative) {
            return .integer(value)
        }
        guard let value = Double(text(in: start..<position)), value.isFinite else {
            throw JSONSyntaxError(kind: .numberOutOfRange, offset: start, message: "number out of range")
        }
        return .double(value)
    }

    private mutating func parseWholePart() throws(JSONSyntaxError) -> Range<Int> {
        let start = position
        try parseDigits()
        guard bytes[start] != "0" || position == start + 1 else {
            throw expected("no digit after a leading zero", at: start + 1)
        }
        return start..<position
    }

    private mutating func parseFraction() throws(JSONSyntaxError) -> Bool {
        guard consume(".") else { return false }
        try parseDigits()
        return true
    }

    private mutating func parseExponent() throws(JSONSyntaxError) -> Bool {
        guard consume("e") || consume("E") else { return false }
        if !consume("+") { _ = consume("-") }
        try parseDigits()
        return true
    }

    /// Steps over one digit or more.
    private mutating func parseDigits() throws(JSONSyntaxError) {
        guard case "0"..."9" = current else { throw expected("a digit") }
        while case "0"..."9" = current { position += 1 }
    }

    /// The number, or nil when it does not fit 64 bits.
    private func integer(digits: Range<Int>, isNegative: Bool) -> Int64? {
        // Counted down from zero, because the lowest integer has no positive counterpart.
        var value: Int64 = 0
        for byte in bytes[digits] {
            let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
            let (next, underflow) = tenfold.subtractingReportingOverflow(Int64(byte & 0x0F))
            if overflow || underflow { return nil }
            value = next
        }
        if isNegative { return value }
        return value == .min ? nil : -value
    }
}

// MARK: - Bytes

extension JSONParser {
    /// The byte at `position`. Zero stands for the end of the text, as no rule accepts a NUL anywhere.
    private var current: UInt8 { position < bytes.count ? bytes[position] : 0 }

    private mutating func consume(_ scalar: Unicode.Scalar) -> Bool {
        guard current == scalar else { return false }
        position += 1
        return true
    }

    private mutating func skipWhitespace() {
        while true {
            switch current {
            case " ", "\t", "\n", "\r": position += 1
            default: return
            }
        }
    }

    /// The text of bytes that are known to be well-formed.
    private func text(in range: Range<Int>) -> String {
        String(decoding: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self)
    }

    private func expected(_ what: String, at offset: Int? = nil) -> JSONSyntaxError {
        let offset = offset ?? position
        if offset < bytes.count, bytes[offset] >= 0x80, wellFormedLength(at: offset) == nil {
            return JSONSyntaxError(kind: .encoding, offset: offset, message: "malformed UTF-8")
        }
        let suffix = offset < bytes.count ? "" : ", found the end of the text"
        return JSONSyntaxError(kind: .syntax, offset: offset, message: "expected \(what)\(suffix)")
    }

    private func multibyteLength() throws(JSONSyntaxError) -> Int {
        guard let length = wellFormedLength(at: position) else {
            throw JSONSyntaxError(kind: .encoding, offset: position, message: "malformed UTF-8")
        }
        return length
    }

    /// How many bytes the multibyte character at `start` takes, or nil when it is not well-formed UTF-8.
    private func wellFormedLength(at start: Int) -> Int? {
        guard let (length, second) = Self.sequence(lead: bytes[start]) else { return nil }
        guard start + length <= bytes.count, second.contains(bytes[start + 1]) else { return nil }
        let rest = bytes[start + 2..<start + length]
        return rest.allSatisfy { 0x80...0xBF ~= $0 } ? length : nil
    }

    /// The length that a lead byte announces, and the second bytes that keep the sequence from being overlong, a
    /// surrogate, or above U+10FFFF (Unicode, table 3-7).
    private static func sequence(lead: UInt8) -> (length: Int, second: ClosedRange<UInt8>)? {
        switch lead {
        case 0xC2...0xDF: (2, 0x80...0xBF)
        case 0xE0: (3, 0xA0...0xBF)
        case 0xED: (3, 0x80...0x9F)
        case 0xE1...0xEF: (3, 0x80...0xBF)
        case 0xF0: (4, 0x90...0xBF)
        case 0xF1...0xF3: (4, 0x80...0xBF)
        case 0xF4: (4, 0x80...0x8F)
        default: nil
        }
    }
}

// These let a byte be compared with the ASCII character it encodes.

private func == (byte: UInt8, scalar: Unicode.Scalar) -> Bool { UInt32(byte) == scalar.value }

private func != (byte: UInt8, scalar: Unicode.Scalar) -> Bool { UInt32(byte) != scalar.value }

private func ~= (scalar: Unicode.Scalar, byte: UInt8) -> Bool { byte == scalar }

private func ~= (range: ClosedRange<Unicode.Scalar>, byte: UInt8) -> Bool {
    range.contains(Unicode.Scalar(byte))
}
