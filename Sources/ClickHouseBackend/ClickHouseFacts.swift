import FleetDomain
import FleetService

/// A federation's facts as ClickHouse has them, added up there. What a fact is, the rows say, which were made from the
/// log by the domain's own functions; here they are only counted and cut to the period.
struct ClickHouseFacts: MetricsSource {
    /// Names and places in one statement: its parameters are a part of a URL, whose length servers bound at a megabyte.
    private static let listMax = 5000

    let client: ClickHouseClient
    /// Up to where everything is there.
    let position: Int64

    private func parameters(_ federation: Federation.ID?, _ tally: MetricsTally) throws -> ClickHouseParameters {
        let period = tally.period
        let window = period.window
        var parameters = ClickHouseParameters()
        if let federation { parameters.set("federation", federation.description) }
        parameters.set("start", window.start.milliseconds)
        parameters.set("end", window.end.milliseconds)
        parameters.set("length", period.stepLength)
        parameters.set("as_of", period.asOf.milliseconds)
        parameters.set("until", max(window.start, min(window.end, period.asOf)).milliseconds)
        parameters.set("position", position)
        return parameters
    }

    private func restricted(
        _ federation: Federation.ID, _ tally: MetricsTally
    ) throws -> (parameters: ClickHouseParameters, isRestricted: Bool) {
        var parameters = try parameters(federation, tally)
        guard let fleets = tally.scope.fleets else { return (parameters, false) }
        parameters.set("fleets", try Self.bounded(fleets.map(\.description)))
        return (parameters, true)
    }

    private static func bounded<Value>(_ values: [Value]) throws -> [Value] {
        guard values.count <= listMax else {
            throw ClickHouseError.unusable(
                "it is asked about \(values.count) things at a time, and \(listMax) is the most")
        }
        return values
    }

    // MARK: Offers and denials

    func addOffers(
        in federation: Federation.ID, of members: [Fleet.ID], until end: Timestamp, to tally: inout MetricsTally
    ) async throws {
        guard !members.isEmpty else { return }
        var parameters = try parameters(nil, tally)
        parameters.set("fleets", try Self.bounded(members.map(\.description)))
        parameters.set("offered_until", end.milliseconds)
        for row in try await client.read(FactQueries.offers, parameters) {
            tally.addOffer(
                try row.integer(4), of: try row.parsed(1), by: try row.parsed(0),
                from: Timestamp(milliseconds: try row.integer(2)), until: Timestamp(milliseconds: try row.integer(3)))
        }
    }

    func addDenials(towards protected: Set<Fleet.ID>, to tally: inout MetricsTally) async throws {
        guard !protected.isEmpty else { return }
        var parameters = try parameters(nil, tally)
        parameters.set("fleets", try Self.bounded(protected.map(\.description).sorted()))
        parameters.set("positions", try Self.bounded(tally.membershipPositions))
        for row in try await client.read(FactQueries.denials, parameters) {
            tally.addDenials(
                try row.integer(3), towards: try row.parsed(0), at: Timestamp(milliseconds: try row.integer(4)),
                position: try row.integer(5))
        }
    }

    // MARK: Leases

    func addLeases(of federation: Federation.ID, to tally: inout MetricsTally) async throws {
        var (parameters, isRestricted) = try restricted(federation, tally)
        if tally.period.count == 1 {
            try await addUse(parameters, isRestricted, to: &tally)
        } else {
            try await addSteps(parameters, isRestricted, to: &tally)
        }
        try await addRequests(FactQueries.leaseRequests(isRestricted: isRestricted), parameters, to: &tally)
        parameters.set("times", try Self.bounded(tally.membershipTimes))
        for row in try await client.read(FactQueries.checks(isRestricted: isRestricted), parameters) {
            tally.addChecks(
                try row.integer(5), of: try pair(row), wasApproved: try row.bool(2),
                at: Timestamp(milliseconds: try row.integer(6)))
        }
    }

    private func pair(_ row: Row) throws -> FleetPair {
        FleetPair(source: try row.parsed(0), target: try row.parsed(1))
    }

    private func addUse(
        _ parameters: ClickHouseParameters, _ isRestricted: Bool, to tally: inout MetricsTally
    ) async throws {
        for row in try await client.read(FactQueries.use(isRestricted: isRestricted), parameters) {
            let (pair, type): (FleetPair, ResourceType) = (try pair(row), try row.parsed(2))
            for (offset, kind) in [MetricsTally.UseSum.Kind.active, .idle, .overdue, .lent].enumerated() {
                tally.add(
                    MetricsTally.UseSum(
                        pair: pair, type: type, kind: kind, step: 0, part: try row.wide(3 + offset), rise: 0))
            }
        }
    }

    private func addSteps(
        _ parameters: ClickHouseParameters, _ isRestricted: Bool, to tally: inout MetricsTally
    ) async throws {
        for row in try await client.read(FactQueries.steps(isRestricted: isRestricted), parameters) {
            guard let kind = MetricsTally.UseSum.Kind(rawValue: try row.integer(3)) else {
                throw ClickHouseError.malformed("it knows of a kind of use that there is none of")
            }
            tally.add(
                MetricsTally.UseSum(
                    pair: try pair(row), type: try row.parsed(2), kind: kind, step: Int(try row.integer(4)),
                    part: try row.wide(5), rise: try row.wide(6)))
        }
    }

    // MARK: Requests and messages

    func addAllocations(of federation: Federation.ID, to tally: inout MetricsTally) async throws {
        let (parameters, isRestricted) = try restricted(federation, tally)
        try await addRequests(FactQueries.allocationRequests(isRestricted: isRestricted), parameters, to: &tally)
    }

    private func addRequests(
        _ query: ClickHouseSQL, _ parameters: ClickHouseParameters, to tally: inout MetricsTally
    ) async throws {
        for row in try await client.read(query, parameters) {
            let (step, count) = (Int(try row.integer(1)), try row.integer(3))
            switch try row.integer(0) {
            case 1: tally.addOutcomes(satisfied: count, failed: 0, in: step)
            case 2: tally.addOutcomes(satisfied: 0, failed: count, in: step)
            default: tally.addDecisions(count, after: try row.integer(2), in: step)
            }
        }
    }

    func addMessages(of federation: Federation.ID, to tally: inout MetricsTally) async throws {
        let (parameters, isRestricted) = try restricted(federation, tally)
        for row in try await client.read(FactQueries.messages(isRestricted: isRestricted), parameters) {
            tally.add(
                MeasuredMessages(
                    step: Int(try row.integer(0)), accepted: try row.integer(1), acknowledged: try row.integer(2)))
        }
    }
}
