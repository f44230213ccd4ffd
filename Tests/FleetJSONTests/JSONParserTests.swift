import FleetJSON
import Foundation
import Testing

@Suite("JSON parser")
struct JSONParserTests {
    /// A text, the value it stands for, and the rule that lets it in.
    struct Accepted: CustomTestStringConvertible {
        let rule: String
        let text: String
        let value: JSON
        var testDescription: String { "\(rule): \(text)" }

        init(_ rule: String, _ text: String, _ value: JSON) {
            (self.rule, self.text, self.value) = (rule, text, value)
        }
    }

    /// Bytes that must be refused, with the kind and place of the error, and the rule that keeps them out.
    struct Rejected: CustomTestStringConvertible {
        let rule: String
        let bytes: [UInt8]
        let kind: JSONSyntaxError.Kind
        let offset: Int
        var testDescription: String { "\(rule): \(String(decoding: bytes, as: UTF8.self))" }

        init(_ rule: String, _ text: String, _ kind: JSONSyntaxError.Kind = .syntax, at offset: Int) {
            self.init(rule, bytes: Array(text.utf8), kind, at: offset)
        }

        init(_ rule: String, bytes: [UInt8], _ kind: JSONSyntaxError.Kind, at offset: Int) {
            (self.rule, self.bytes, self.kind, self.offset) = (rule, bytes, kind, offset)
        }

        /// The bytes inside a string.
        init(_ rule: String, inString bytes: [UInt8], _ kind: JSONSyntaxError.Kind = .encoding) {
            self.init(rule, bytes: [0x22] + bytes + [0x22], kind, at: 1)
        }
    }

    static let accepted: [Accepted] = [
        Accepted("null is a value", "null", .null),
        Accepted("true is a value", "true", .bool(true)),
        Accepted("false is a value", "false", .bool(false)),
        Accepted("a string is a value", #""a""#, .string("a")),
        Accepted("a string may be empty", #""""#, .string("")),
        Accepted("an array may be empty", "[]", .array([])),
        Accepted("an object may be empty", "{ }", .object([:])),
        Accepted("an array keeps its order", "[1,[2],{}]", .array([.integer(1), .array([.integer(2)]), .object([:])])),
        Accepted("an object has members", #"{"a":1,"b":[]}"#, .object(["a": .integer(1), "b": .array([])])),
        Accepted("a key may be empty", #"{"":null}"#, .object(["": .null])),
        Accepted("whitespace may be around every token", " \t\r\n{ \"a\"\t:\r[\n1 , 2 ] } \n", .object(["a": oneTwo])),
        Accepted("a key may return in another object", #"[{"a":1},{"a":1}]"#, .array([oneMember, oneMember])),
        Accepted("keys differ by case", #"{"a":1,"A":2}"#, .object(["a": .integer(1), "A": .integer(2)])),
    ]

    static let oneTwo = JSON.array([.integer(1), .integer(2)])
    static let oneMember = JSON.object(["a": .integer(1)])

    static let acceptedStrings: [Accepted] = [
        Accepted("the short escapes", #""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{C}\n\r\t")),
        Accepted("an escape in either case", #""\u00e9\u00E9""#, .string("éé")),
        Accepted("text around escapes", #""a\u0041b\nc""#, .string("aAb\nc")),
        Accepted("an escaped NUL", #""\u0000""#, .string("\0")),
        Accepted("an escaped surrogate pair", #""\ud83d\uDE00""#, .string("😀")),
        Accepted("the first and last surrogate pairs", #""\ud800\udc00\udbff\udfff""#, .string("\u{10000}\u{10FFFF}")),
        Accepted("escapes next to the surrogates", #""\ud7ff\ue000""#, .string("\u{D7FF}\u{E000}")),
        Accepted("an escaped backslash before a u", #""\\ud800""#, .string(#"\ud800"#)),
        Accepted("DEL is not a control character of JSON", "\"\u{7F}\"", .string("\u{7F}")),
        Accepted("characters of two, three and four bytes", "\"é€😀\"", .string("é€😀")),
        Accepted("the lowest of each length", "\"\u{80}\u{800}\u{10000}\"", .string("\u{80}\u{800}\u{10000}")),
        Accepted("the highest of each length", "\"\u{7FF}\u{FFFF}\u{10FFFF}\"", .string("\u{7FF}\u{FFFF}\u{10FFFF}")),
        Accepted("U+FEFF within a string", "\"\u{FEFF}\"", .string("\u{FEFF}")),
        Accepted("line separators", "\"\u{2028}\u{2029}\"", .string("\u{2028}\u{2029}")),
    ]

    static let acceptedNumbers: [Accepted] = [
        Accepted("zero is an integer", "0", .integer(0)),
        Accepted("negative zero without a fraction is the integer", "-0", .integer(0)),
        Accepted("negative zero with a fraction is a double", "-0.0", .double(-0.0)),
        Accepted("the largest integer", "9223372036854775807", .integer(.max)),
        Accepted("the smallest integer", "-9223372036854775808", .integer(.min)),
        Accepted("one more is a double", "9223372036854775808", .double(0x1p63)),
        Accepted("one less is a double", "-9223372036854775809", .double(-0x1p63)),
        Accepted("ten times the largest is a double", "92233720368547758070", .double(9.223372036854776e19)),
        Accepted("a fraction makes a double", "1.0", .double(1)),
        Accepted("an exponent makes a double", "1e2", .double(100)),
        Accepted("a zero may have an exponent", "0e1", .double(0)),
        Accepted("an exponent may have a sign, zeros and a capital", "-1.5E+02", .double(-150)),
        Accepted("an exponent may be negative", "25e-1", .double(2.5)),
        Accepted("zeros may follow the point", "0.001", .double(0.001)),
        Accepted("the largest double", "1.7976931348623157e308", .double(.greatestFiniteMagnitude)),
        Accepted("the smallest double", "5e-324", .double(.leastNonzeroMagnitude)),
        Accepted("a number too small becomes zero", "1e-400", .double(0)),
        Accepted("zero may have any exponent", "0.0e99999999999999999999", .double(0)),
        Accepted("digits may be many", "0.\(String(repeating: "0", count: 5000))1e5001", .double(1)),
    ]

    @Test("accepts what the grammar allows", arguments: accepted + acceptedStrings + acceptedNumbers)
    func accepts(_ example: Accepted) throws {
        let value = try JSON.parse(example.text)
        #expect(value == example.value)
        // The text form also tells -0.0 from 0.0 and strings that are only canonically equal.
        #expect(value.text == example.value.text)
        #expect(Array(value.text.utf8) == example.value.serialized())
    }

    static let rejectedGrammar: [Rejected] = [
        Rejected("an empty text", "", at: 0),
        Rejected("only whitespace", " \n", at: 2),
        Rejected("a second value", "1 2", at: 2),
        Rejected("a comma after the value", "{},", at: 2),
        Rejected("a bracket after the value", "[]]", at: 2),
        Rejected("a NUL after the value", "1\0", at: 1),
        Rejected("a NUL before the value", "\0", at: 0),
        Rejected("a word in capitals", "True", at: 0),
        Rejected("a word cut short", "[nul]", at: 1),
        Rejected("a word that goes on", "nullx", at: 4),
        Rejected("a word at the end of the text", "tru", at: 0),
        Rejected("not a number", "NaN", at: 0),
        Rejected("infinity", "-Infinity", at: 1),
        Rejected("a comment", "[/**/]", at: 1),
        Rejected("single quotes", "'a'", at: 0),
        Rejected("a form feed as whitespace", "\u{C}1", at: 0),
        Rejected("a vertical tab as whitespace", "1\u{B}", at: 1),
        Rejected("a no-break space as whitespace", "\u{A0}1", at: 0),
    ]

    static let rejectedContainers: [Rejected] = [
        Rejected("an open array", "[1", at: 2),
        Rejected("an array open after a comma", "[1,", at: 3),
        Rejected("a trailing comma in an array", "[1,]", at: 3),
        Rejected("a leading comma in an array", "[,1]", at: 1),
        Rejected("two commas", "[1,,2]", at: 3),
        Rejected("elements without a comma", "[1 2]", at: 3),
        Rejected("an array closed as an object", "[1}", at: 2),
        Rejected("an open object", #"{"a":1"#, at: 6),
        Rejected("an object open at the bracket", "{", at: 1),
        Rejected("a trailing comma in an object", #"{"a":1,}"#, at: 7),
        Rejected("a key without a value", #"{"a"}"#, at: 4),
        Rejected("a colon without a value", #"{"a":}"#, at: 5),
        Rejected("a key that is a number", "{1:2}", at: 1),
        Rejected("a key without quotes", "{a:1}", at: 1),
        Rejected("members without a comma", #"{"a":1 "b":2}"#, at: 7),
        Rejected("an object closed as an array", #"{"a":1]"#, at: 6),
    ]

    static let rejectedNumbers: [Rejected] = [
        Rejected("a leading zero", "01", at: 1),
        Rejected("a leading zero after the sign", "-01", at: 2),
        Rejected("two zeros", "00", at: 1),
        Rejected("a plus", "+1", at: 0),
        Rejected("a sign alone", "-", at: 1),
        Rejected("two signs", "--1", at: 1),
        Rejected("a point first", ".5", at: 0),
        Rejected("a point after the sign", "-.5", at: 1),
        Rejected("a point last", "1.", at: 2),
        Rejected("a point before the exponent", "1.e1", at: 2),
        Rejected("two points", "1.2.3", at: 3),
        Rejected("an exponent without digits", "1e", at: 2),
        Rejected("an exponent with only a sign", "1e+", at: 3),
        Rejected("an exponent with two signs", "1e+-1", at: 3),
        Rejected("an exponent with a fraction", "1e1.5", at: 3),
        Rejected("hexadecimal", "0x1", at: 1),
        Rejected("a separator", "1_000", at: 1),
        Rejected("infinity by exponent", "[1e309]", .numberOutOfRange, at: 1),
        Rejected("negative infinity by exponent", "-1e309", .numberOutOfRange, at: 0),
        Rejected("just above the largest double", "1.7976931348623159e308", .numberOutOfRange, at: 0),
        Rejected("infinity by digits", String(repeating: "9", count: 400), .numberOutOfRange, at: 0),
    ]

    static let rejectedStrings: [Rejected] = [
        Rejected("an open string", #""a"#, at: 2),
        Rejected("an open string after an escape", #""\n"#, at: 3),
        Rejected("an open escape", #""\"#, at: 2),
        Rejected("an unknown escape", #""\x""#, at: 2),
        Rejected("an escaped quote as the end", #""\""#, at: 3),
        Rejected("a capital escape", #""\N""#, at: 2),
        Rejected("an escape of three digits", #""\u12""#, at: 5),
        Rejected("an escape that is not hexadecimal", #""\u00g0""#, at: 5),
        Rejected("an escape with a sign", #""\u+123""#, at: 3),
        Rejected("a newline", "\"a\nb\"", at: 2),
        Rejected("a tab", "\"\t\"", at: 1),
        Rejected("a NUL", "\"\0\"", at: 1),
        Rejected("the last control character", "\"\u{1F}\"", at: 1),
        Rejected("a control character after an escape", "\"\\n\u{1}\"", at: 3),
        Rejected("a lone lead surrogate", #""\ud800""#, .encoding, at: 1),
        Rejected("a lone trail surrogate", #""a\udc00""#, .encoding, at: 2),
        Rejected("two lead surrogates", #""\ud800\ud800""#, .encoding, at: 1),
        Rejected("surrogates in the wrong order", #""\udc00\ud800""#, .encoding, at: 1),
        Rejected("a lead surrogate before a character", #""\ud800a""#, .encoding, at: 1),
        Rejected("a lead surrogate before another escape", #""\ud800\n""#, .encoding, at: 1),
        Rejected("a lead surrogate before a bad escape", #""\ud800\u00""#, at: 11),
    ]

    static let rejectedEncodings: [Rejected] = [
        Rejected("a byte order mark", "\u{FEFF}1", .encoding, at: 0),
        Rejected("a UTF-16 byte order mark", bytes: [0xFF, 0xFE, 0x31, 0], .encoding, at: 0),
        Rejected("UTF-16 without a mark", bytes: [0x31, 0], .syntax, at: 1),
        Rejected("malformed bytes outside a string", bytes: [0x5B, 0xC3, 0x5D], .encoding, at: 1),
        Rejected("a lone continuation", inString: [0x80]),
        Rejected("a lone lead", inString: [0xC3]),
        Rejected("a lead before ASCII", inString: [0xC3, 0x41]),
        Rejected("a sequence of three cut short", inString: [0xE2, 0x82]),
        Rejected("a lead in place of a continuation", inString: [0xE2, 0x82, 0xC2, 0x80]),
        Rejected("a sequence of four cut short", inString: [0xF0, 0x9F, 0x98]),
        Rejected("a sequence at the end of the text", bytes: [0x22, 0xF0, 0x9F], .encoding, at: 1),
        Rejected("an overlong slash of two", inString: [0xC0, 0xAF]),
        Rejected("an overlong DEL of two", inString: [0xC1, 0xBF]),
        Rejected("an overlong sequence of three", inString: [0xE0, 0x9F, 0xBF]),
        Rejected("an overlong sequence of four", inString: [0xF0, 0x8F, 0xBF, 0xBF]),
        Rejected("the first surrogate", inString: [0xED, 0xA0, 0x80]),
        Rejected("the last surrogate", inString: [0xED, 0xBF, 0xBF]),
        Rejected("above U+10FFFF", inString: [0xF4, 0x90, 0x80, 0x80]),
        Rejected("a lead that is never used", inString: [0xF5, 0x80, 0x80, 0x80]),
        Rejected("a sequence of five", inString: [0xF8, 0x88, 0x80, 0x80, 0x80]),
        Rejected("malformed bytes after an escape", bytes: [0x22, 0x5C, 0x6E, 0xFF, 0x22], .encoding, at: 3),
        Rejected("malformed bytes in a key", bytes: [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D], .encoding, at: 2),
    ]

    static let rejectedKeys: [Rejected] = [
        Rejected("a key twice", #"{"a":1,"a":1}"#, .duplicateKey, at: 7),
        Rejected("a key twice, apart", #"{"a":1,"b":2,"a":3}"#, .duplicateKey, at: 13),
        Rejected("a key twice, once escaped", #"{"a":1,"\u0061":2}"#, .duplicateKey, at: 7),
        Rejected("a key twice, escaped two ways", #"{"\/":1,"\u002f":2}"#, .duplicateKey, at: 8),
        Rejected("a surrogate pair and its character", "{\"😀\":1,\"\\ud83d\\ude00\":2}", .duplicateKey, at: 10),
        Rejected("an empty key twice", #"{"":1,"":2}"#, .duplicateKey, at: 6),
        Rejected("a key twice in an inner object", #"[{"x":{"a":1,"a":2}}]"#, .duplicateKey, at: 13),
    ]

    static let rejected =
        rejectedGrammar + rejectedContainers + rejectedNumbers + rejectedStrings + rejectedEncodings + rejectedKeys

    @Test("rejects what the grammar does not allow", arguments: rejected)
    func rejects(_ example: Rejected) throws {
        let error = try #require(throws: JSONSyntaxError.self) { try JSON.parse(example.bytes) }
        #expect(error.kind == example.kind)
        #expect(error.offset == example.offset)
        #expect(!error.message.isEmpty)
    }

    @Test("keys that are only canonically equivalent are different keys")
    func canonicallyEquivalentKeys() throws {
        let object = try #require(try JSON.parse("{\"\u{E9}\":1,\"e\u{301}\":2}").objectValue)
        #expect(object["\u{E9}"] == .integer(1))
        #expect(object["e\u{301}"] == .integer(2))
    }

    @Test("duplicate keys are found on both sides of the switch to hashing", arguments: [1, 15, 16, 17, 18, 40, 2000])
    func duplicatesInObjects(ofSize count: Int) throws {
        let members = (0..<count).map { "\"key \($0)\":\($0)" }
        let object = try JSON.parse("{\(members.joined(separator: ","))}").objectValue
        #expect(object?.members.count == count)
        #expect(object?["key \(count - 1)"] == .integer(Int64(count - 1)))
        for repeated in [0, count / 2, count - 1] {
            let text = "{\((members + ["\"\\u006bey \(repeated)\":null"]).joined(separator: ","))}"
            let error = #expect(throws: JSONSyntaxError.self) { try JSON.parse(text) }
            #expect(error?.kind == .duplicateKey)
        }
    }

    @Test("canonically equivalent keys stay different in a hashed object")
    func canonicallyEquivalentKeysWhenHashed() throws {
        let members = (0..<20).map { "\"\($0)\":0" } + ["\"\u{E9}\":1", "\"e\u{301}\":2"]
        #expect(try JSON.parse("{\(members.joined(separator: ","))}").objectValue?.members.count == 22)
    }

    @Test("arrays and objects count towards the depth, scalars do not")
    func depth() throws {
        #expect(try JSON.parse("1", maxDepth: 0) == .integer(1))
        #expect(try JSON.parse("[1]", maxDepth: 1) == .array([.integer(1)]))
        #expect(try JSON.parse(#"{"a":[{}]}"#, maxDepth: 3).objectValue?["a"] == .array([.object([:])]))
        #expect(kind(of: "[]", maxDepth: 0) == .nestingTooDeep)
        #expect(kind(of: "{}", maxDepth: 0) == .nestingTooDeep)
        #expect(kind(of: #"{"a":[{}]}"#, maxDepth: 2) == .nestingTooDeep)
        #expect(try JSON.parse("[[],[],{}]", maxDepth: 2).arrayValue?.count == 3, "siblings do not add up")
    }

    @Test("a depth of 32 is allowed by default, 33 is not")
    func defaultDepth() throws {
        for (open, close) in [("[", "]"), (#"{"a":"#, "}")] {
            func nested(_ depth: Int) -> String {
                String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
            }
            #expect(throws: Never.self) { try JSON.parse(nested(32)) }
            let error = #expect(throws: JSONSyntaxError.self) { try JSON.parse(nested(33)) }
            #expect(error?.kind == .nestingTooDeep)
            #expect(error?.offset == 32 * open.utf8.count)
        }
        #expect(kind(of: String(repeating: "[", count: 1_000_000)) == .nestingTooDeep)
    }

    @Test("every kind of collection is parsed alike")
    func collections() throws {
        let text = #" {"a":[1,"é"]} "#
        let value = JSON.object(["a": .array([.integer(1), .string("é")])])
        #expect(try JSON.parse(text) == value)
        #expect(try JSON.parse(text.utf8) == value)
        #expect(try JSON.parse(Array(text.utf8)[...]) == value)
        #expect(try JSON.parse(Data(text.utf8)) == value)
        #expect(try JSON.parse(text.utf8.reversed().reversed()) == value)
        #expect(try JSON.parse(text.utf8.lazy.map { $0 }) == value, "storage that is not contiguous")
        #expect(throws: JSONSyntaxError.self) { try JSON.parse("[".utf8.lazy.map { $0 }) }
        #expect(throws: JSONSyntaxError.self) { try JSON.parse([]) }
    }

    @Test("an error says what was expected and where")
    func message() {
        let error = #expect(throws: JSONSyntaxError.self) { try JSON.parse("é") }
        #expect(error?.message == "expected a value")
        let end = #expect(throws: JSONSyntaxError.self) { try JSON.parse(#"{"é""#) }
        #expect(end?.message == "expected ':', found the end of the text")
        #expect(end?.offset == 5, "offsets count bytes")
    }

    private func kind(of text: String, maxDepth: Int = 32) -> JSONSyntaxError.Kind? {
        #expect(throws: JSONSyntaxError.self) { try JSON.parse(text, maxDepth: maxDepth) }?.kind
    }
}

@Suite("JSON parser against Foundation")
struct JSONParserFoundationTests {
    static let valid = [
        "null", "true", "[]", "{}", "0", "-1", "1.5", "1e3", "-2.5E-3", "9223372036854775807", #""""#, #""caf\u00e9""#,
        #""\ud83d\ude00 \"\\\/\b\f\n\r\t""#, "[1,[2,[3,{}]]]", #"{"a":{"b":[true,false,null]},"c":"é€😀"}"#,
        " [ 1 , 2 ] ", "\t{\r\n\"a\" : 0.1 }\n",
    ]

    /// Only texts that Foundation refuses as well; it lets some others pass, such as a leading byte order mark.
    static let invalid = [
        "", " ", "nul", "[", "]", "[1", "[1 2]", "{", #"{"a"}"#, #"{"a":}"#, "{a:1}", "1 2", "[]]", "01", "-", "+1",
        "1.", ".5", "1e", #"""#, #""\x""#, #""\u12""#, "\"\u{1}\"", "'a'",
    ]

    @Test("reads the same values as Foundation", arguments: valid)
    func agrees(text: String) throws {
        let theirs = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
        #expect(same(try JSON.parse(text), theirs))
    }

    @Test("refuses what Foundation refuses", arguments: invalid)
    func disagrees(text: String) {
        #expect(throws: (any Error).self) {
            try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
        }
        #expect(throws: JSONSyntaxError.self) { try JSON.parse(text) }
    }

    private func same(_ ours: JSON, _ theirs: Any) -> Bool {
        switch ours {
        case .null: theirs is NSNull
        case .bool(let value): theirs as? Bool == value
        case .integer(let value): (theirs as? NSNumber)?.int64Value == value
        case .double(let value): (theirs as? NSNumber)?.doubleValue == value
        case .string(let value): theirs as? String == value
        case .array(let elements): sameElements(elements, theirs as? [Any] ?? [NSNull()])
        case .object(let object): sameMembers(object, theirs as? [String: Any] ?? ["not": "an object"])
        }
    }

    private func sameElements(_ ours: [JSON], _ theirs: [Any]) -> Bool {
        ours.count == theirs.count && zip(ours, theirs).allSatisfy { same($0, $1) }
    }

    private func sameMembers(_ ours: JSONObject, _ theirs: [String: Any]) -> Bool {
        guard ours.members.count == theirs.count else { return false }
        return ours.members.allSatisfy { member in theirs[member.key].map { same(member.value, $0) } ?? false }
    }
}
