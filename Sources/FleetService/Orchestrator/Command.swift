package import FleetDomain

/// What a decision gave: the entity it is about as it is since, and what is left to do where it is not over.
package struct Decision: Sendable, Equatable {
    package var entity: Entity?
    package var obligations: [Obligation] = []
    /// What ties the caller to the federation, where the entity is one.
    package var standing: Standing?
    /// How much of the quota is used, where the entity is one, as far as the caller may know it.
    package var use: QuotaUse?
    /// The leases made for it, where the entity is an allocation.
    package var leases: [Lease] = []
    /// Messages that were handed over.
    package var deliveries: [Delivery] = []
    /// Where the entity stands in the queue, if it waits.
    package var place: Place?

    package init(_ entity: Entity?) { self.entity = entity }
}

/// One request to change something, on its way to the writer.
package struct Command: Sendable {
    package typealias Decide = @Sendable (inout Ledger, inout Context) throws(FleetError) -> Decision

    /// Names the operation in metrics, like `federation.create`.
    package let operation: String
    package let principal: Principal
    /// What it is about, as the audit log names it when it is denied: the path of its request.
    package let object: String
    package let requestID: String
    package let dryRun: Bool
    /// The keys under which this is done once, if it carries any.
    package let claims: [IdempotencyClaim]
    /// Decides on the writer's own state; everything is checked here again.
    package let decide: Decide

    package init(
        operation: String, principal: Principal, object: String = "", requestID: String, dryRun: Bool = false,
        claims: [IdempotencyClaim] = [], decide: @escaping Decide
    ) {
        self.operation = operation
        self.principal = principal
        self.object = object
        self.requestID = requestID
        self.dryRun = dryRun
        self.claims = claims
        self.decide = decide
    }
}

/// A key that a caller sent so that its request has one effect however often it arrives.
package struct IdempotencyClaim: Sendable, Equatable {
    /// Hash of principal, method, path and key.
    package let key: UInt128
    /// Hash of what was asked.
    package let fingerprint: UInt128
    package let replacesExpired: Bool
    /// What is answered where the key stands for another request.
    package let refusal: FleetError
    /// Whether the same request is answered again as it was; one that may be used once only is refused all the same.
    package let isAnsweredAgain: Bool

    /// The refusal of a key that was sent as such.
    package static let keyReused = FleetError(
        .idempotencyKeyReused, "This Idempotency-Key was used for another request.")

    package init(
        key: UInt128, fingerprint: UInt128, replacesExpired: Bool = false, refusal: FleetError = keyReused,
        isAnsweredAgain: Bool = true
    ) {
        self.key = key
        self.fingerprint = fingerprint
        self.replacesExpired = replacesExpired
        self.refusal = refusal
        self.isAnsweredAgain = isAnsweredAgain
    }
}

/// What became of a command, once it is durable.
package enum Outcome: Sendable {
    /// `position` is that of its last event, or of the log when it had none.
    case decided(Decision, position: Int64)
    /// An earlier request with the same key had the effect; it begins at the event at `position`.
    case replayed(position: Int64)
}
