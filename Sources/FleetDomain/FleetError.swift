/// What went wrong, for a program (`code`) and for a person (`message`); nothing about how we are built.
///
/// The domain and the use cases throw it; one middleware turns it into a response.
package struct FleetError: Error, Equatable {
    /// One fault of a request body, query or header; `pointer` is a JSON pointer or the parameter's name.
    package struct Fault: Sendable, Equatable {
        package let pointer: String
        package let code: String
        package let detail: String

        package init(_ pointer: String, _ code: String, _ detail: String) {
            self.pointer = pointer
            self.code = code
            self.detail = detail
        }
    }

    package let code: ErrorCode
    package let message: String
    package var faults: [Fault] = []
    package var explanation: Explanation?
    /// Further members of the problem, such as `live_leases` or `federation_ids`.
    package var details: [String: ErrorDetail] = [:]

    /// The owner towards whom a crossing was denied: written to the audit log, never to the answer.
    package var crossed: Fleet.ID?

    package init(_ code: ErrorCode, _ message: String, faults: [Fault] = []) {
        self.code = code
        self.message = message
        self.faults = faults
    }
}

/// A value that an error may add to its problem document.
package enum ErrorDetail: Sendable, Equatable {
    case integer(Int64)
    case text(String)
    case list([String])
}
