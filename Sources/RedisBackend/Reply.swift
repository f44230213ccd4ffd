/// What the server answers to a command.
enum Reply: Sendable, Equatable {
    case null
    case integer(Int64)
    case bytes([UInt8])
    case status(String)
    case error(String)
    case array([Reply])

    var bytes: [UInt8]? { if case .bytes(let bytes) = self { bytes } else { nil } }

    var integer: Int64? { if case .integer(let value) = self { value } else { nil } }

    var array: [Reply]? { if case .array(let elements) = self { elements } else { nil } }

    var text: String? {
        switch self {
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        case .status(let text), .error(let text): text
        case .null, .integer, .array: nil
        }
    }

    /// A list of names and values, as a dictionary.
    var fields: [String: String] {
        var fields: [String: String] = [:]
        let elements = array ?? []
        for index in stride(from: 0, to: elements.count - 1, by: 2) {
            if let name = elements[index].text { fields[name] = elements[index + 1].text }
        }
        return fields
    }
}
