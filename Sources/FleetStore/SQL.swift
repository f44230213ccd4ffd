package import FleetDomain

/// A value of a statement or of a row; each backend encodes these for its own engine.
package typealias SQLValue = FieldValue

/// One named statement with its values: the only way to write SQL here.
///
/// Interpolation turns every value into a bind, never into text: `SQL("fleet.find", "… WHERE fleet_id = \(id)")`.
/// Literal text comes from the source alone. Parameters are written `?`; a backend whose engine wants
/// `$1` rewrites them.
package struct SQL: Sendable {
    /// Names the statement in logs, traces and metrics.
    package let name: StaticString
    package private(set) var text: String
    package private(set) var values: [SQLValue]
    /// Whether it is not to wait behind what callers read: an election that is not renewed in time is lost.
    package private(set) var isUrgent = false

    package var urgent: SQL {
        var copy = self
        copy.isUrgent = true
        return copy
    }

    /// Whether the batch that it begins may wait: of those of webhooks' sinks there may be thousands at once.
    package private(set) var isDeferrable = false

    package var deferrable: SQL {
        var copy = self
        copy.isDeferrable = true
        return copy
    }

    package init(_ name: StaticString, _ fragment: Fragment) {
        self.name = name
        text = fragment.text
        values = fragment.values
    }

    /// A statement whose text was put together from our own names, never from a caller's.
    init(_ name: StaticString, text: String, values: [SQLValue] = []) {
        self.name = name
        self.text = text
        self.values = values
    }

    /// A piece of a statement; pieces join with `+`.
    package struct Fragment: Sendable, ExpressibleByStringInterpolation {
        package private(set) var text: String
        package private(set) var values: [SQLValue] = []

        package init(stringLiteral value: StaticString) { text = value.description }

        /// Text put together from our own names, never from a caller's.
        init(trusted text: String) { self.text = text }

        package init(stringInterpolation: Interpolation) {
            text = stringInterpolation.text
            values = stringInterpolation.values
        }

        package static func + (a: Fragment, b: Fragment) -> Fragment {
            var joined = a
            joined.text += b.text
            joined.values += b.values
            return joined
        }

        package struct Interpolation: StringInterpolationProtocol {
            fileprivate var text = ""
            fileprivate var values: [SQLValue] = []

            package init(literalCapacity: Int, interpolationCount: Int) {
                text.reserveCapacity(literalCapacity + interpolationCount)
                values.reserveCapacity(interpolationCount)
            }

            package mutating func appendLiteral(_ literal: StaticString) { text += literal.description }

            package mutating func appendInterpolation(_ value: SQLValue) {
                text += "?"
                values.append(value)
            }

            package mutating func appendInterpolation(_ value: (any SQLEncodable)?) {
                appendInterpolation(value?.sqlValue ?? .null)
            }

            package mutating func appendInterpolation(_ value: some SQLEncodable) {
                appendInterpolation(value.sqlValue)
            }

            package mutating func appendInterpolation(_ fragment: Fragment) {
                text += fragment.text
                values += fragment.values
            }

            /// A parenthesised list of binds, for `IN`; an empty list is `(NULL)`, which matches nothing.
            package mutating func appendInterpolation(list: some Sequence<any SQLEncodable>) {
                var separator = "("
                for value in list {
                    text += separator + "?"
                    values.append(value.sqlValue)
                    separator = ","
                }
                text += separator == "(" ? "(NULL)" : ")"
            }
        }
    }
}

/// A type that has one SQL value.
package protocol SQLEncodable: Sendable {
    var sqlValue: SQLValue { get }
}

extension Int64: SQLEncodable { package var sqlValue: SQLValue { .integer(self) } }
extension Int: SQLEncodable { package var sqlValue: SQLValue { .integer(Int64(self)) } }
extension Bool: SQLEncodable { package var sqlValue: SQLValue { .integer(self ? 1 : 0) } }
extension Double: SQLEncodable { package var sqlValue: SQLValue { .real(self) } }
extension String: SQLEncodable { package var sqlValue: SQLValue { .text(self) } }
extension Timestamp: SQLEncodable { package var sqlValue: SQLValue { .timestamp(milliseconds) } }
extension ID: SQLEncodable { package var sqlValue: SQLValue { .id(raw) } }
extension Name: SQLEncodable { package var sqlValue: SQLValue { .text(description) } }

/// One row of an answer. A value of the wrong kind is a `StoreError`, never a crash.
package struct SQLRow: Sendable, Equatable {
    package let values: [SQLValue]

    package init(_ values: [SQLValue]) { self.values = values }

    package func isNull(_ index: Int) -> Bool { values[index] == .null }

    private func value<Value>(_ index: Int, _ convert: (SQLValue) -> Value?) throws(StoreError) -> Value {
        guard index < values.count, let value = convert(values[index]) else {
            throw .corrupt("column \(index) is not \(Value.self)")
        }
        return value
    }

    package func integer(_ index: Int) throws(StoreError) -> Int64 { try value(index, \.asInteger) }
    package func real(_ index: Int) throws(StoreError) -> Double { try value(index, \.asReal) }
    package func bool(_ index: Int) throws(StoreError) -> Bool { try integer(index) != 0 }
    package func text(_ index: Int) throws(StoreError) -> String { try value(index, \.asText) }
    package func bytes(_ index: Int) throws(StoreError) -> [UInt8] { try value(index, \.asBytes) }
    package func timestamp(_ index: Int) throws(StoreError) -> Timestamp { try value(index, \.asTimestamp) }

    package func id<Entity>(_ index: Int) throws(StoreError) -> ID<Entity> {
        try value(index) { $0.asID.map(ID<Entity>.init(raw:)) }
    }

    package func name<Entity>(_ index: Int) throws(StoreError) -> Name<Entity> {
        try value(index) { $0.asText.flatMap(Name<Entity>.init) }
    }

    /// nil when the column is NULL, else what `read` makes of it.
    package func optional<Value>(
        _ index: Int, _ read: (Int) throws(StoreError) -> Value
    ) throws(StoreError) -> Value? {
        isNull(index) ? nil : try read(index)
    }
}
