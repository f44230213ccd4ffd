/// The rules of a federation, its policy and its memberships, which every request obeys.
extension Ledger {
    /// Whether the federation grants anything, and these two fleets may deal with one another.
    func standingViolations(of request: SharingRequest, _ federation: Federation) -> [Violation] {
        var violations = federationViolations(of: federation)
        for (fleet, concern) in [(request.source, Violation.Concern.lender), (request.target, .borrower)] {
            let key = Member.Key(federation: federation.id, fleet: fleet)
            violations += memberViolations(of: key, concern)
            // What a fleet has of its own it uses, whether or not it shares.
            if let member = members[key], !member.resourceSharing, request.source != request.target {
                violations.append(
                    Violation(
                        code: .sharingDisabled, concern: concern, field: "member.resource_sharing", value: "true",
                        sentence: "\(fleet) has resource_sharing off"))
            }
        }
        return violations
    }

    func federationViolations(of federation: Federation) -> [Violation] {
        guard federation.status != .active else { return [] }
        return [
            Violation(
                code: .federationInactive, concern: .federation, field: "federation.status",
                value: federation.status.canBecome(.active) ? "active" : nil,
                sentence: "the federation is \(federation.status.rawValue), not active")
        ]
    }

    func memberViolations(of key: Member.Key, _ concern: Violation.Concern) -> [Violation] {
        guard let member = members[key], member.status != .active else { return [] }
        return [
            Violation(
                code: .memberInactive, concern: concern, field: "member.status",
                value: member.status.canBecome(.active) ? "active" : nil,
                sentence: "\(key.fleet) is no active member")
        ]
    }

    /// - Parameter actual: the type of the resource that is asked for, where it is another one.
    func policyViolations(
        asking asked: ResourceType, of actual: ResourceType? = nil, lasting duration: Seconds, startsAt: Timestamp,
        _ policy: FederationPolicy, now: Timestamp
    ) -> [Violation] {
        var violations: [Violation] = []
        if !policy.allows(asked) {
            let type = actual ?? asked
            violations.append(
                Violation(
                    code: .policyForbids, concern: .federation,
                    field: policy.allows(type) ? "resource_type" : "policy.allowed_resource_types",
                    value: type.description,
                    sentence: "the federation's policy does not allow the type \(asked)"))
        }
        if duration > policy.leaseDurationMax {
            violations.append(
                Violation(
                    code: .policyForbids, concern: .federation, field: "duration",
                    value: "\(policy.leaseDurationMax)",
                    sentence: "the policy allows at most \(policy.leaseDurationMax) s", limit: policy.leaseDurationMax))
        }
        if startsAt > now + policy.bookingHorizon {
            violations.append(
                Violation(
                    code: .policyForbids, concern: .federation, field: "starts_at",
                    value: (now + policy.bookingHorizon).description,
                    sentence: "the policy allows booking at most \(policy.bookingHorizon) s ahead",
                    limit: policy.bookingHorizon))
        }
        return violations
    }
}
