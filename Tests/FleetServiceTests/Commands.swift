import FleetDomain
import FleetService
import FleetStore
import FleetTestSupport

/// The commands that tests send.
extension Command {
    static func admin(
        _ operation: String, dryRun: Bool = false, claim: IdempotencyClaim? = nil,
        _ decide: @escaping @Sendable (inout Ledger, inout Context) throws(FleetError) -> Entity?
    ) -> Command {
        Command(
            operation: operation, principal: RunningWriter.admin, requestID: operation, dryRun: dryRun,
            claims: claim.map { [$0] } ?? []
        ) { ledger, context throws(FleetError) in Decision(try decide(&ledger, &context)) }
    }

    /// Makes a fleet that did not exist; refused with `fleet_exists` otherwise.
    static func register(_ fleet: String, dryRun: Bool = false, claim: IdempotencyClaim? = nil) -> Command {
        admin("fleet.register", dryRun: dryRun, claim: claim) { ledger, context throws(FleetError) in
            try ledger.register(FleetDraft(id: name(fleet), name: fleet, organization: "org"), &context)
        }
    }

    /// Changes a fleet; refused with `fleet_not_found` when there is none.
    static func rename(_ fleet: String, dryRun: Bool = false) -> Command {
        admin("fleet.patch", dryRun: dryRun) { ledger, context throws(FleetError) in
            try ledger.patch(name(fleet), FleetPatch(name: "renamed"), &context)
        }
    }

    /// Makes another federation each time it has an effect.
    static func found(_ federation: String, claim: IdempotencyClaim? = nil) -> Command {
        admin("federation.create", claim: claim) { ledger, context throws(FleetError) in
            try ledger.create(
                FederationDraft(name: federation, description: "", policy: FederationPolicy()), &context)
        }
    }

    /// What an operator of `own` tries on a fleet that is not its own.
    static func trespass(on fleet: String, by own: String) -> Command {
        Command(
            operation: "fleet.patch", principal: LedgerScenario.operatorOf(name(own)), object: "/fleets/\(fleet)",
            requestID: "trespass"
        ) { ledger, context throws(FleetError) in
            Decision(try ledger.patch(name(fleet), FleetPatch(name: "taken"), &context))
        }
    }
}

extension IdempotencyClaim {
    static func key(_ key: UInt128, fingerprint: UInt128 = 0) -> IdempotencyClaim {
        IdempotencyClaim(key: key, fingerprint: fingerprint)
    }
}

extension SQL {
    /// Whether it removes old idempotency records, which the writer does on the side.
    var isSweep: Bool { name.description == "idempotency.expire" }

    func mentions(_ text: String) -> Bool {
        values.contains { $0.asText?.contains(text) == true }
    }
}

extension FaultyDatabase {
    /// Lets sweeps be, and meets the next `count` other commits with `error`.
    func failNext(_ count: Int = 1, with error: StoreError) { setFault(Self.countdown(count, error)) }

    /// As `failNext`, but the commits do happen.
    func loseSuccess(_ count: Int = 1) { setFaultAfterCommit(Self.countdown(count, .outcomeUnknown("lost"))) }

    private static func countdown(_ count: Int, _ error: StoreError) -> Fault {
        let left = Countdown(count)
        return { batch in
            guard !batch.contains(where: \.isSweep), left.take() else { return nil }
            return error
        }
    }

    func heal() {
        setFault(nil)
        setFaultAfterCommit(nil)
        setReadFault(nil)
    }
}
