import CPostgres
import FleetStore

/// The five letters with which the server says what kind of refusal it is.
struct SQLState: Equatable {
    let code: String

    static let none = SQLState(code: "")

    private init(code: String) { self.code = code }

    init(_ result: OpaquePointer) {
        code = PQresultErrorField(result, Diagnostic.state).map { String(cString: $0) } ?? ""
    }

    /// Another try may succeed, because only what others did at the same time was in the way: serialization, deadlock, a
    /// lock that was not had in time.
    var isTransient: Bool { ["40001", "40P01", "55P03"].contains(code) }

    /// A statement that was prepared does not fit the schema any more, or is not known (somebody discarded it).
    var isOfPreparation: Bool { ["0A000", "26000"].contains(code) }

    /// The server ends the connection, is starting or stopping, or cannot write any more because it follows another.
    var isOfConnection: Bool { code.hasPrefix("08") || code.hasPrefix("57P") || code == "25006" || code == "25P03" }
}

/// Fields of an error, which libpq names by characters.
private enum Diagnostic {
    static let state = Int32(UInt8(ascii: "C"))
    static let message = Int32(UInt8(ascii: "M"))
    static let constraint = Int32(UInt8(ascii: "n"))
    static let column = Int32(UInt8(ascii: "c"))
    static let table = Int32(UInt8(ascii: "t"))
}

extension StoreError {
    /// The server's refusal as the port speaks of it. Its detail is left out: it quotes values.
    init(_ result: OpaquePointer, _ state: SQLState, of statement: StaticString) {
        func field(_ code: Int32) -> String? { PQresultErrorField(result, code).map { String(cString: $0) } }
        let text = "\(statement): \(field(Diagnostic.message) ?? "no message") (\(state.code))"
        switch state.code {
        case _ where state.code.hasPrefix("23"):
            let column = field(Diagnostic.column).map { "\(field(Diagnostic.table) ?? "").\($0)" }
            self = .conflict(constraint: field(Diagnostic.constraint) ?? column ?? text)
        case "53100": self = .full
        case "42501": self = .forbidden(text)
        case "FC001": self = .superseded(text)
        case _ where state.isOfConnection: self = .unavailable(text)
        case "57014": self = .busy(text)
        case _ where state.code.hasPrefix("53") || state.isTransient: self = .busy(text)
        case "XX001", "XX002": self = .corrupt(text)
        default: self = .failed(text)
        }
    }
}
