/// A JSON value (RFC 8259), as parsed strictly from bytes or built for output.
///
/// Integers that fit 64 bits stay exact; every other number is a `Double`.
package enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    case double(Double)
    case string(String)
    case array([JSON])
    case object(JSONObject)
}

/// The members of a JSON object in the order they were written; keys are unique, compared as bytes.
package struct JSONObject: Sendable {
    package struct Member: Sendable, Equatable {
        package var key: String
        package var value: JSON

        package init(key: String, value: JSON) {
            self.key = key
            self.value = value
        }
    }

    package var members: [Member]

    package init(_ members: [Member] = []) { self.members = members }

    /// The value under `key`, or nil. Setting nil removes the member.
    package subscript(key: String) -> JSON? {
        get { members.first { $0.key.utf8.elementsEqual(key.utf8) }?.value }
        set {
            let index = members.firstIndex { $0.key.utf8.elementsEqual(key.utf8) }
            switch (index, newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append(Member(key: key, value: value))
            case (nil, nil): break
            }
        }
    }

    package var isEmpty: Bool { members.isEmpty }

    /// The object after a merge patch (RFC 7396): null takes a member away, an object is merged, all else replaces.
    package func merged(with patch: JSONObject) -> JSONObject {
        patch.members.reduce(into: self) { merged, member in
            switch member.value {
            case .null: merged[member.key] = nil
            case .object(let inner):
                let before = merged[member.key]?.objectValue ?? JSONObject()
                merged[member.key] = .object(before.merged(with: inner))
            default: merged[member.key] = member.value
            }
        }
    }

    /// The members in ascending byte order of their keys: the canonical order for storing and comparing.
    package var sorted: JSONObject {
        JSONObject(members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) })
    }
}

extension JSONObject: Equatable {
    /// Objects are equal when they have the same members, in whatever order.
    package static func == (a: JSONObject, b: JSONObject) -> Bool {
        a.members.count == b.members.count && a.sorted.members == b.sorted.members
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, JSON)...) {
        self.init(elements.map { Member(key: $0.0, value: $0.1) })
    }
}

extension JSON {
    package var stringValue: String? { if case .string(let value) = self { value } else { nil } }
    package var integerValue: Int64? { if case .integer(let value) = self { value } else { nil } }
    package var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var arrayValue: [JSON]? { if case .array(let value) = self { value } else { nil } }
    package var objectValue: JSONObject? { if case .object(let value) = self { value } else { nil } }

    /// The number as a `Double`, also when it was written as an integer.
    package var doubleValue: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }
}
