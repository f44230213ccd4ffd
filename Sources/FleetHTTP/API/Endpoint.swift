package import FleetDomain
package import HTTPTypes
package import Hummingbird

/// One row of the API: the router, the OpenAPI document and the tests of permissions are made from these.
///
/// A class, because every request carries its endpoint along.
package final class Endpoint: Sendable {
    /// Who may call it.
    package enum Access: Sendable, Equatable {
        /// Anybody; a credential is not looked at.
        case anybody
        /// Anybody; who is known is told more.
        case anybodyKnown
        /// Any principal.
        case authenticated
        case permission(Permission)

        package var isPublic: Bool { self == .anybody || self == .anybodyKnown }
    }

    package struct Parameter: Sendable {
        let name: String
        let schema: Schema
        let summary: String

        package init(_ name: String, _ schema: Schema, _ summary: String) {
            self.name = name
            self.schema = schema
            self.summary = summary
        }
    }

    package let method: HTTPRequest.Method
    package let path: String
    package let access: Access
    package let summary: String
    package let parameters: [Parameter]
    package let body: Schema?
    /// The names of the schemas of its answers, by status.
    package let answers: [(status: Int, schema: String?)]
    package let handler: @Sendable (Call) async throws -> Response

    package init(
        _ method: HTTPRequest.Method, _ path: String, _ access: Access, _ summary: String,
        parameters: [Parameter] = [], body: Schema? = nil, answers: [(status: Int, schema: String?)],
        handler: @escaping @Sendable (Call) async throws -> Response
    ) {
        self.method = method
        self.path = path
        self.access = access
        self.summary = summary
        self.parameters = parameters
        self.body = body
        self.answers = answers
        self.handler = handler
    }

    package var isWrite: Bool { method != .get }

    /// Every parameter that its query may have.
    package var allParameters: [Parameter] {
        if access.isPublic { return parameters }
        return parameters + (isWrite ? [.dryRun] : [.minPosition])
    }
}

extension Endpoint.Parameter {
    static let dryRun = Self("dry_run", .choice(["true", "false"]), "Decide and answer, but store nothing.")
    static let minPosition = Self(
        "min_position", .string(1...512), "Wait up to 2 s until the log has reached this Event-Position.")
    static let force = Self("force", .choice(["true", "false"]), "End what still runs.")
    static let pageSize = Self("page_size", .integer(1...1000), "Objects a page; 50 by default.")
    static let pageToken = Self("page_token", .string(1...1024), "The next_page_token of the page before.")
    static let paging = [pageSize, pageToken]
}
