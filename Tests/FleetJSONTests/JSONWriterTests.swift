import FleetJSON
import Foundation
import Testing

@Suite("JSON writer")
struct JSONWriterTests {
    /// A value and the exact text it is written as.
    struct Example: CustomTestStringConvertible {
        let rule: String
        let value: JSON
        let text: String
        var testDescription: String { "\(rule): \(text)" }

        init(_ rule: String, _ value: JSON, _ text: String) {
            (self.rule, self.value, self.text) = (rule, value, text)
        }
    }

    static let scalars: [Example] = [
        Example("null", .null, "null"),
        Example("true", .bool(true), "true"),
        Example("false", .bool(false), "false"),
        Example("zero", .integer(0), "0"),
        Example("the largest integer", .integer(.max), "9223372036854775807"),
        Example("the smallest integer", .integer(.min), "-9223372036854775808"),
        Example("a whole double keeps its fraction", .double(3), "3.0"),
        Example("negative zero keeps its sign", .double(-0.0), "-0.0"),
        Example("a double in its shortest form", .double(0.1), "0.1"),
        Example("the sum that is not three tenths", .double(0.1 + 0.2), "0.30000000000000004"),
        Example("a large double with an exponent", .double(1e20), "1e+20"),
        Example("a small double with an exponent", .double(1.5e-7), "1.5e-07"),
        Example("the largest double", .double(.greatestFiniteMagnitude), "1.7976931348623157e+308"),
        Example("the smallest double", .double(.leastNonzeroMagnitude), "5e-324"),
    ]

    static let strings: [Example] = [
        Example("an empty string", .string(""), #""""#),
        Example("plain text", .string("plain text"), #""plain text""#),
        Example("quote and backslash", .string(#"a"b\c"#), #""a\"b\\c""#),
        Example("the short escapes", .string("\u{8}\t\n\u{C}\r"), #""\b\t\n\f\r""#),
        Example("other control characters", .string("\0\u{1}\u{B}\u{1F}"), #""\u0000\u0001\u000b\u001f""#),
        Example("escapes at both ends", .string("\nmiddle\n"), #""\nmiddle\n""#),
        Example("no escape for a slash", .string("a/b"), #""a/b""#),
        Example("no escape for DEL", .string("\u{7F}"), "\"\u{7F}\""),
        Example("no escape for text beyond ASCII", .string("é€😀\u{2028}"), "\"é€😀\u{2028}\""),
    ]

    static let containers: [Example] = [
        Example("an empty array", .array([]), "[]"),
        Example("an empty object", .object([:]), "{}"),
        Example("elements with commas", .array([.integer(1), .null, .string("a")]), #"[1,null,"a"]"#),
        Example("nested arrays", .array([.array([]), .array([.array([])]), .integer(1)]), "[[],[[]],1]"),
        Example("members in their order", .object(["b": .integer(1), "a": .object([:])]), #"{"b":1,"a":{}}"#),
        Example("escaped keys", .object(["a\"\n": .array([.object(["": .null])])]), #"{"a\"\n":[{"":null}]}"#),
    ]

    @Test("writes the shortest text that is valid", arguments: scalars + strings + containers)
    func writes(_ example: Example) throws {
        #expect(example.value.text == example.text)
        #expect(example.value.serialized() == Array(example.text.utf8))
        #expect(try JSON.parse(example.text).serialized() == example.value.serialized())
    }

    @Test("commas go between values and members, at every level")
    func commas() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("list")
        writer.beginArray()
        writer.value(1)
        writer.value(Int64(2))
        writer.beginObject()
        writer.endObject()
        writer.beginArray()
        writer.endArray()
        writer.value("x")
        writer.endArray()
        writer.key(string: "a\"b")
        writer.null()
        writer.key("c")
        writer.value(true)
        writer.key("d")
        writer.value(2.0)
        writer.key("e")
        writer.value(JSON.array([.null]))
        writer.endObject()
        #expect(writer.string == #"{"list":[1,2,{},[],"x"],"a\"b":null,"c":true,"d":2.0,"e":[null]}"#)
        #expect(writer.bytes == Array(writer.string.utf8))
    }

    @Test("fields write a member for each type")
    func fields() {
        var writer = JSONWriter(capacity: 0)
        writer.beginObject()
        writer.field("string", "a\n")
        writer.field("int", 1)
        writer.field("int64", Int64.min)
        writer.field("bool", false)
        writer.field("double", 1.0)
        writer.field("json", .null)
        writer.endObject()
        let expected = #"{"string":"a\n","int":1,"int64":-9223372036854775808,"bool":false,"double":1.0,"json":null}"#
        #expect(writer.string == expected)
    }

    @Test("a field that is nil writes nothing, not even a comma")
    func optionalFields() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.field("a", nil as String?)
        writer.field("b", nil as Int?)
        writer.field("c", Optional("there"))
        writer.field("d", nil as Int64?)
        writer.field("e", nil as Bool?)
        writer.field("f", nil as Double?)
        writer.field("g", nil as JSON?)
        writer.field("h", Optional(2))
        writer.endObject()
        #expect(writer.string == #"{"c":"there","h":2}"#)
    }
}

@Suite("JSON round trips")
struct JSONRoundTripTests {
    /// A new seed every run; set `FLEETJSON_SEED` to the one a failure printed to run it again.
    static let seed =
        ProcessInfo.processInfo.environment["FLEETJSON_SEED"].flatMap(UInt64.init) ?? .random(in: 0 ... .max)

    @Test("what is written reads back as the same value")
    func roundTrip() throws {
        var random = RandomJSON(seed: Self.seed)
        for round in 0..<3_000 {
            let value = random.value(depth: 5)
            let bytes = value.serialized()
            let back = try #require(try? JSON.parse(bytes), "seed \(Self.seed), round \(round)")
            try #require(back == value, "seed \(Self.seed), round \(round)")
            try #require(back.serialized() == bytes, "seed \(Self.seed), round \(round)")
        }
    }

    @Test("every double reads back bit for bit")
    func doubles() throws {
        var random = RandomJSON(seed: Self.seed)
        for _ in 0..<20_000 {
            let double = random.double()
            let back = try JSON.parse(JSON.double(double).text)
            guard case .double(let value) = back else { throw UnexpectedValue(value: back, seed: Self.seed) }
            try #require(value.bitPattern == double.bitPattern, "seed \(Self.seed), \(double)")
        }
    }

    @Test("mutated bytes never crash, and what is accepted round-trips")
    func mutations() throws {
        var random = RandomJSON(seed: Self.seed)
        var accepted = 0
        for round in 0..<10_000 {
            let bytes = random.mutated(random.value(depth: 4).serialized())
            guard let value = try? JSON.parse(bytes) else { continue }
            accepted += 1
            let written = value.serialized()
            let again = try #require(try? JSON.parse(written), "seed \(Self.seed), round \(round), \(bytes)")
            try #require(again == value, "seed \(Self.seed), round \(round), \(bytes)")
            try #require(again.serialized() == written, "seed \(Self.seed), round \(round), \(bytes)")
        }
        #expect(0 < accepted && accepted < 10_000, "seed \(Self.seed): both outcomes are exercised")
    }

    @Test("a text cut short anywhere is refused")
    func truncation() throws {
        let text = #"{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00é",true,false,null,{"b":{}}]}"#
        let bytes = Array(text.utf8)
        #expect(throws: Never.self) { try JSON.parse(bytes) }
        for end in 0..<bytes.count {
            #expect(throws: JSONSyntaxError.self, "cut at \(end)") { try JSON.parse(bytes[..<end]) }
        }
    }
}

/// A value of the wrong kind, with the seed that leads to it.
private struct UnexpectedValue: Error {
    let value: JSON
    let seed: UInt64
}

/// Random values and mutations that a seed repeats.
private struct RandomJSON {
    private var generator: SplitMix64

    init(seed: UInt64) { generator = SplitMix64(state: seed) }

    mutating func value(depth: Int) -> JSON {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &generator) {
        case 0: .null
        case 1: .bool(.random(using: &generator))
        case 2: .integer(integer())
        case 3: .double(double())
        case 4, 5: .string(string())
        case 6: .array((0..<count()).map { _ in value(depth: depth - 1) })
        default: .object(object(depth: depth))
        }
    }

    /// Any finite double: most bit patterns are one, and the others are made finite.
    mutating func double() -> Double {
        let double = Double(bitPattern: generator.next())
        return double.isFinite ? double : double.sign == .minus ? -0.0 : 1
    }

    /// A few bytes changed, removed, inserted or copied from elsewhere.
    mutating func mutated(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            let index = Int.random(in: 0...bytes.count, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: bytes.insert(token(), at: index)
            case 1: bytes.replaceSubrange(index..<min(index + 1, bytes.count), with: [token()])
            case 2: bytes.removeSubrange(index..<min(index + count(), bytes.count))
            default: bytes.insert(contentsOf: bytes[index..<min(index + count(), bytes.count)], at: index)
            }
        }
        return bytes
    }

    private mutating func object(depth: Int) -> JSONObject {
        var object = JSONObject()
        for _ in 0..<count() { object[string()] = value(depth: depth - 1) }
        return object
    }

    private mutating func integer() -> Int64 {
        Int64(bitPattern: generator.next()) >> Int64.random(in: 0..<64, using: &generator)
    }

    private mutating func string() -> String {
        var text = String.UnicodeScalarView()
        for _ in 0..<count() { text.append(scalar()) }
        return String(text)
    }

    private mutating func scalar() -> Unicode.Scalar {
        let limits: [UInt32] = [0x20, 0x80, 0x800, 0x1_0000, 0x11_0000]
        let limit = limits[Int.random(in: 0..<limits.count, using: &generator)]
        return Unicode.Scalar(UInt32.random(in: 0..<limit, using: &generator)) ?? "\""
    }

    /// A byte that means something to JSON, or one time in four any byte.
    private mutating func token() -> UInt8 {
        if Int.random(in: 0..<4, using: &generator) == 0 { return .random(in: 0 ... .max, using: &generator) }
        let tokens = Array(#"{}[]:,"\/0123456789-+.eEuntrfalse "#.utf8)
        return tokens[Int.random(in: 0..<tokens.count, using: &generator)]
    }

    /// Mostly small, sometimes enough for an object to outgrow a linear scan.
    private mutating func count() -> Int {
        .random(in: 0..<(Int.random(in: 0..<20, using: &generator) == 0 ? 24 : 5), using: &generator)
    }
}

/// The generator of Steele, Lea and Flood, which any seed starts well.
private struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
