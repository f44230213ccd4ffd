/// How a request is refused: what is said of the rules against it, and what is not.
extension Ledger {
    /// What a refusal must not let this caller learn: of a lender that shows no resources, what it has and how it
    /// is used; of a fleet that is not its own and isolated, the state of its membership.
    func concealed(from sides: Sides, _ request: SharingRequest, in id: Federation.ID) -> Set<Violation.Concern> {
        let isIsolated = isolation(between: request.source, request.target, in: id) >= .high
        let bothShare = [request.source, request.target].allSatisfy {
            members[Member.Key(federation: id, fleet: $0)]?.resourceSharing == true
        }
        var concealed: Set<Violation.Concern> = []
        if !sides.source, isIsolated || !bothShare { concealed.insert(.resource) }
        if !sides.source, isIsolated { concealed.insert(.lender) }
        if !sides.target, isIsolated { concealed.insert(.borrower) }
        return concealed
    }

    /// The refusal: the first reason by precedence names it, and the full set to lift goes with it. What is
    /// concealed is not counted; when nothing else is left, it says `unavailable` whatever the reason. Beside
    /// something concealed no set is named, as it might not be enough.
    func refusal(
        _ violations: [Violation], hiding concealed: Set<Violation.Concern>, near: Nearest? = nil
    ) -> FleetError {
        let shown = violations.filter { !concealed.contains($0.concern) }
        guard let first = Violation.first(of: shown) else { return FleetError.unavailable }
        let near = concealed.contains(.resource) ? nil : near
        return FleetError.refused(
            first, all: shown, isWhole: concealed.isEmpty, nearest: near?.windows ?? [],
            searchedUntil: near?.searchedUntil)
    }
}

extension FleetError {
    /// The one refusal towards an isolated lender.
    static var unavailable: FleetError {
        var error = FleetError(.unavailable, "The resource is not available to you in this window.")
        error.explanation = Explanation(
            code: ErrorCode.unavailable.rawValue, step: "requested_unit", summary: error.message,
            constraint: Explanation.Constraint(code: ErrorCode.unavailable.rawValue, limit: nil), considered: 1,
            rejected: [ErrorCode.unavailable.rawValue: 1], counterfactual: nil, nearestWindows: [],
            searchedUntil: nil)
        return error
    }

    /// - Parameter isWhole: whether `all` is everything that stands against the request.
    static func refused(
        _ first: Violation, all: [Violation], isWhole: Bool, nearest: [Window], searchedUntil: Timestamp?
    ) -> FleetError {
        let sentence = all.map(\.sentence).joined(separator: "; ")
        var error = FleetError(first.code, "Refused: \(sentence).")
        error.explanation = Explanation(
            code: first.code.rawValue, step: "requested_unit", summary: error.message,
            constraint: Explanation.Constraint(code: first.code.rawValue, limit: first.limit), considered: 1,
            rejected: [first.code.rawValue: 1],
            counterfactual: isWhole ? Explanation.Counterfactual(lifting: all) : nil,
            nearestWindows: nearest, searchedUntil: searchedUntil)
        return error
    }
}

extension Explanation.Counterfactual {
    /// nil when something among them cannot be lifted.
    init?(lifting violations: [Violation]) {
        var changes: [(field: String, value: String)] = []
        for violation in violations {
            guard let value = violation.value else { return nil }
            // A later rule was judged with the earlier ones lifted, so its value holds for both.
            changes.removeAll { $0.field == violation.field }
            changes.append((field: violation.field, value: value))
        }
        self.init(
            changes: changes,
            sentence: "It is granted once " + changes.map { "\($0.field) is \($0.value)" }.joined(separator: " and ")
                + ".")
    }
}

/// Free windows, and how far ahead they were looked for.
struct Nearest {
    let windows: [Window]
    let searchedUntil: Timestamp
}
