/// Who decides, when, and with which ids: all that a decision may use besides the ledger and its command.
package struct Context: Sendable {
    package let principal: Principal
    package let now: Timestamp
    package let requestID: String
    package var ids: IDSource
    /// The fleet in whose name the principal acts here, once the decision has found it.
    package var actingFleet: Fleet.ID?

    package init(principal: Principal, now: Timestamp, requestID: String, ids: IDSource) {
        self.principal = principal
        self.now = now
        self.requestID = requestID
        self.ids = ids
    }

    var actor: String { principal.subject }
}
