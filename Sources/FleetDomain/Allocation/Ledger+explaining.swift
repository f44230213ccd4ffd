/// How an allocation is refused: what stands against it, and what would be granted instead.
extension Ledger {
    /// Refuses what breaks rules that no resource can help.
    mutating func refuse(
        _ asked: AskedFor, _ federation: Federation, breaking rules: [Violation], _ context: inout Context
    ) -> Entity {
        let lifted = asked.lifted(by: federation.policy, now: context.now)
        let search = search(for: lifted, federation, now: context.now)
        let first = firstStart(search, from: lifted.earliest, to: lifted.latest)
        let reason = Violation.first(of: rules) ?? rules[0]
        var explanation = Explanation.refused(
            reason.code, rules.map(\.sentence), limit: reason.limit, tally: first.attempt.tally)
        if first.isFound { explanation.counterfactual = Explanation.Counterfactual(lifting: rules) }
        return decide(context.ids.next(at: context.now), asked, .refused, [], explanation, &context)
    }

    /// Refuses what nobody can give as it is asked for.
    ///
    /// - Parameters:
    ///   - search: among those of whom the borrower may know.
    ///   - first: its attempt at the first start, where it was made already.
    mutating func refuse(
        _ asked: AskedFor, _ federation: Federation, _ search: Search, knowing first: Attempt?,
        _ context: inout Context
    ) -> Entity {
        let explanation = explanation(ofRefusing: asked, federation, search, knowing: first, now: context.now)
        return decide(context.ids.next(at: context.now), asked, .refused, [], explanation, &context)
    }

    /// Why it cannot be given as it is asked for, and what would be granted instead.
    ///
    /// - Parameters:
    ///   - search: among those of whom the borrower may know.
    ///   - first: its attempt at the first start, where it was made already.
    func explanation(
        ofRefusing asked: AskedFor, _ federation: Federation, _ search: Search, knowing first: Attempt?,
        now: Timestamp
    ) -> Explanation {
        let atOnce = first ?? attempt(search, at: asked.earliest)
        let limits = atOnce.meetsQuota ? limitViolations(search, at: asked.earliest) : []
        let horizon = now + federation.policy.bookingHorizon
        let later = firstStart(search, from: asked.earliest, to: horizon, knowing: atOnce)
        let shared = members[Member.Key(federation: federation.id, fleet: asked.request.target)]?.resourceSharing
        // Who does not share is not told whether others would have it.
        let code =
            shared == false && !later.isFound
            ? ErrorCode.sharingDisabled : code(of: atOnce, limits, isFoundLater: later.isFound)

        var explanation = Explanation.refused(
            code, [code.sentence(for: asked, missing: atOnce.missing)], limit: Violation.first(of: limits)?.limit,
            tally: atOnce.tally)
        if !limits.isEmpty {
            explanation.counterfactual = Explanation.Counterfactual(lifting: limits)
        } else if later.isFound {
            explanation.counterfactual = .latest(later.start)
        } else if asked.request.items.count == 1, atOnce.picks.quantity > 0 {
            explanation.counterfactual = .quantity(atOnce.picks.quantity)
        }
        if later.isFound {
            explanation.nearestWindows = windows(search, from: later.start, to: horizon, asked.request.duration)
        }
        explanation.searchedUntil = later.isFound ? horizon : later.start
        return explanation
    }

    /// The quotas that alone stand in the way; empty when more does.
    private func limitViolations(_ search: Search, at start: Timestamp) -> [Violation] {
        var free = search
        free.ignoresQuotas = true
        let attempt = attempt(free, at: start)
        guard attempt.isWhole else { return [] }
        var violations: [Violation] = []
        for type in Set(search.items.map(\.type)).sorted() {
            var borrowing: Violation?
            for fleet in Set(attempt.picks.all.map(\.resource.key.fleet)).sorted() where fleet != search.target {
                let picks = attempt.picks.all.filter { $0.resource.key.fleet == fleet && $0.resource.type == type }
                guard let buffer = picks.map(\.resource.buffer).max() else { continue }
                let window = Window(start: start, end: start + search.duration + buffer)
                let request = SharingRequest(
                    source: fleet, target: search.target, resourceType: type, resource: picks[0].resource.key.resource,
                    duration: search.duration)
                let lent = picks.reduce(0) { $0 + $1.quantity }
                let found = quotaViolations(
                    of: request, type: type, in: search.federation.id, lending: lent,
                    borrowing: attempt.picks.borrowed(type), over: window)
                violations += found.filter { $0.code == .lendingLimit }.map { $0.renamed($0.field.of(fleet, type)) }
                borrowing = found.first { $0.code == .borrowingLimit } ?? borrowing
            }
            if let borrowing { violations.append(borrowing.renamed(borrowing.field.of(search.target, type))) }
        }
        return violations
    }

    /// The reason that is named: what binds, and else the first of those that occurred.
    private func code(of attempt: Attempt, _ limits: [Violation], isFoundLater: Bool) -> ErrorCode {
        if attempt.isUnoffered { return .resourceUnavailable }
        if let limit = Violation.first(of: limits) { return limit.code }
        let passing: [ErrorCode] = [
            .unitNotReturned, .windowConflict, .capacityExceeded, .lendingLimit, .borrowingLimit, .queuedAhead,
        ]
        let occurred = isFoundLater ? passing : Violation.precedence
        return occurred.first { attempt.tally.rejected[$0] != nil } ?? .capacityExceeded
    }

    /// The next windows in which all of it can be given, one after the other; the first begins at `first`.
    private func windows(
        _ search: Search, from first: Timestamp, to horizon: Timestamp, _ duration: Seconds
    ) -> [Window] {
        var windows = [Window(start: first, end: first + duration)]
        var start = first + duration
        while windows.count < SharingLimits.nearestWindows, start <= horizon {
            let next = firstStart(search, from: start, to: horizon)
            guard next.isFound else { break }
            windows.append(Window(start: next.start, end: next.start + duration))
            start = next.start + duration
        }
        return windows
    }
}

extension Ledger.AskedFor {
    /// The request as it would be if it kept to the policy.
    fileprivate func lifted(by policy: FederationPolicy, now: Timestamp) -> Ledger.AskedFor {
        var request = request
        request.duration = min(request.duration, policy.leaseDurationMax)
        request.earliest = min(earliest, now + policy.bookingHorizon)
        request.latest = max(latest, request.earliest ?? latest)
        return Ledger.AskedFor(request, now: now)
    }

    fileprivate var sentence: String {
        request.items.map { "\($0.quantity) of the type \($0.type)" }.joined(separator: " and ")
    }
}

extension Explanation {
    static func given(
        _ grant: Ledger.Grant, _ asked: Ledger.AskedFor, isPending: Bool, afterWaiting: Bool = false
    ) -> Explanation {
        let tally = grant.attempt.tally
        let what = grant.step == .part ? "\(grant.attempt.picks.quantity) of \(asked.sentence)" : asked.sentence
        let verb = (isPending ? "Held for approval" : "Granted") + (afterWaiting ? " after waiting" : "")
        return Explanation(
            code: isPending ? "pending" : "granted", step: grant.step.rawValue,
            summary: "\(verb): \(what), from \(grant.start).", constraint: nil,
            considered: tally.considered, rejected: tally.counts, counterfactual: nil,
            nearestWindows: [], searchedUntil: nil)
    }

    fileprivate static func refused(
        _ code: ErrorCode, _ sentences: [String], limit: Int64?, tally: Tally
    ) -> Explanation {
        Explanation(
            code: code.rawValue, step: AllocationStep.refusal.rawValue,
            summary: "Refused: \(sentences.joined(separator: "; ")).",
            constraint: Constraint(code: code.rawValue, limit: limit), considered: tally.considered,
            rejected: tally.counts, counterfactual: nil, nearestWindows: [], searchedUntil: nil)
    }
}

extension Tally {
    fileprivate var counts: [String: Int] { rejected.reduce(into: [:]) { $0[$1.key.rawValue] = $1.value } }
}

extension ErrorCode {
    fileprivate func sentence(for asked: Ledger.AskedFor, missing: [Int64]) -> String {
        let short = zip(asked.request.items, missing).filter { $0.1 > 0 }
            .map { "\($0.1) of \($0.0.quantity) of the type \($0.0.type)" }.joined(separator: " and ")
        return switch self {
        case .lendingLimit: "what members may lend is used up; \(short) are missing"
        case .borrowingLimit: "what the fleet may borrow is used up; \(short) are missing"
        case .sharingDisabled: "the fleet has resource_sharing off, and of its own \(short) are missing"
        case .resourceUnavailable: "nobody offers the fleet what it asks for; \(short) are missing"
        case .queuedAhead: "what is free is kept for those who wait within their nominal quota; \(short) are missing"
        case .unitNotReturned: "earlier borrowers have not returned what is asked for; \(short) are missing"
        default: "too little is free in the windows that were asked for; \(short) are missing"
        }
    }
}

extension Explanation.Counterfactual {
    fileprivate static func latest(_ start: Timestamp) -> Self {
        Self(changes: [("latest", start.description)], sentence: "It is granted once latest is \(start).")
    }

    fileprivate static func quantity(_ quantity: Int64) -> Self {
        Self(changes: [("quantity", "\(quantity)")], sentence: "It is granted once quantity is \(quantity).")
    }
}

extension String {
    /// The field of a quota, with whose it is and of what.
    fileprivate func of(_ fleet: Fleet.ID, _ type: ResourceType) -> String {
        replacing("quota.", with: "quota[\(fleet)/\(type)].")
    }
}
