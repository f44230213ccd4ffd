/// Text of a statement in ClickHouse's dialect. It is made of what stands in this module and of whole numbers of its own;
/// whatever comes from outside is a parameter, written `{name:Type}`.
struct ClickHouseSQL: Sendable, ExpressibleByStringInterpolation {
    let text: String

    init(stringLiteral value: StaticString) { text = value.description }
    init(stringInterpolation: Interpolation) { text = stringInterpolation.text }

    struct Interpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity) }

        mutating func appendLiteral(_ literal: StaticString) { text += literal.description }
        mutating func appendInterpolation(_ part: ClickHouseSQL) { text += part.text }
        mutating func appendInterpolation(_ number: Int) { text += String(number) }
    }
}

/// Values of a statement by their names.
struct ClickHouseParameters: Sendable {
    private(set) var texts: [(name: String, text: String)] = []

    init() {}

    mutating func set(_ name: StaticString, _ value: Int64) { append(name, String(value)) }
    mutating func set(_ name: StaticString, _ value: String) { append(name, Self.escaped(value)) }
    mutating func set(_ name: StaticString, _ values: [Int64]) {
        append(name, "[\(values.map(String.init).joined(separator: ","))]")
    }
    mutating func set(_ name: StaticString, _ values: [String]) {
        append(name, "[\(values.map { "'\(Self.escaped($0))'" }.joined(separator: ","))]")
    }

    private mutating func append(_ name: StaticString, _ text: String) { texts.append((name.description, text)) }

    /// As the format wants texts that values are read from.
    private static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "'": text += "\\'"
            case "\t": text += "\\t"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\0": text += "\\0"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
