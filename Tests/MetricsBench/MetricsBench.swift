import FleetDomain
import FleetService
import FleetStore
import SQLiteBackend

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Measures how long the metrics of a federation take, over leases that it has had in a hundred hours.
///
///     MetricsBench [LEASES]
@main
struct MetricsBench {
    private static let rounds = 5

    static func main() async throws {
        let leases = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 100_000
        let path =
            FileManager.default.temporaryDirectory.path + "/metrics-bench-\(UInt64.random(in: 0...UInt64.max)).db"
        defer {
            for suffix in ["", "-wal", "-shm", ".lock"] { try? FileManager.default.removeItem(atPath: path + suffix) }
        }
        let store = Store(database: try await SQLiteDatabase.open(path: path))
        var world = try await LeasedFederation(in: store)
        try await world.lease(leases)
        print("\(leases) leases, \(world.position) events, of each the fastest of \(rounds)")
        for question in Question.allCases {
            var times: [Duration] = []
            for _ in 0..<rounds {
                let start = ContinuousClock.now
                let report = try await world.report(question)
                times.append(ContinuousClock.now - start)
                precondition(report.summary.checks > 0, "nothing was measured")
            }
            let fastest = times.min() ?? .zero
            print(question.rawValue + ": \(Int(fastest / .milliseconds(1))) ms")
        }
        await store.database.close()
    }
}

/// What is asked for.
enum Question: String, CaseIterable {
    case all = "all of it, for those who coordinate"
    case hours = "all of it, in steps of an hour"
    case day = "the last day"
    case fleet = "all of it, for one of twenty fleets"
}

/// Twenty fleets with a thousand units, half of which ask their owner first, and leases of half an hour.
struct LeasedFederation {
    private static let fleets = (0..<20).map { Fleet.ID("fleet-\($0)")! }
    private static let type = ResourceType("vehicle")!
    private static let start = Timestamp(milliseconds: 1_790_000_000_000)
    private static let hours = 100

    private let store: Store
    private var ledger = Ledger()
    private var federation: Federation?
    private var now = Self.start
    private var seed: UInt64 = 0

    var position: Int64 { ledger.position }

    init(in store: Store) async throws {
        self.store = store
        try await store.migrate(now: now)
        try run { ledger, context throws(FleetError) in
            try ledger.create(
                FederationDraft(name: "Bench", description: "", policy: FederationPolicy(), foundingFleet: nil),
                &context)
        }
        guard let id = ledger.federations.keys.first else { return }
        for (index, fleet) in Self.fleets.enumerated() {
            let level: IsolationLevel = index.isMultiple(of: 2) ? .low : .medium
            try run { ledger, context throws(FleetError) in
                try ledger.add(
                    MemberDraft(fleet: fleet, isolationLevel: level, resourceSharing: true), to: id, &context)
            }
        }
        federation = ledger.federations[id]
    }

    private mutating func run(
        as principal: Principal = Principal(subject: "admin", roles: [.platformAdmin]),
        _ decide: (inout Ledger, inout Context) throws(FleetError) -> Entity?
    ) throws {
        seed += 1
        var context = Context(
            principal: principal, now: now, requestID: "bench", ids: IDSource(seed: seed, random: seed))
        _ = try decide(&ledger, &context)
    }

    /// Has so many leases made, used and ended.
    mutating func lease(_ count: Int) async throws {
        let units = count / Self.hours
        for unit in 0..<units {
            let key = Self.key(unit)
            try run { ledger, context throws(FleetError) in
                try ledger.register(ResourceDraft(key: key, type: Self.type), &context)
            }
        }
        for hour in 0..<Self.hours {
            for unit in 0..<units { try lease(unit, Self.fleets[(unit + hour % 19 + 1) % 20]) }
            try await commit()
            now = now + 3600
            let clock = Principal(subject: Event.clock, roles: [])
            try run(as: clock) { ledger, context throws(FleetError) in
                _ = ledger.advance(limit: .max, &context)
                return nil
            }
            try await commit()
        }
    }

    private static func key(_ unit: Int) -> Resource.Key {
        Resource.Key(fleet: fleets[unit % 20], resource: Resource.ID("unit-\(unit)")!)
    }

    private mutating func lease(_ unit: Int, _ target: Fleet.ID) throws {
        guard let federation else { return }
        let key = Self.key(unit)
        let request = SharingRequest(
            source: key.fleet, target: target, resourceType: Self.type, resource: key.resource, duration: 1800,
            federation: federation.id)
        let borrower = Principal(subject: "borrower", roles: [.fleetOperator], fleets: [target])
        var made: Entity?
        try run(as: borrower) { ledger, context throws(FleetError) in
            made = try ledger.request(request, &context)
            return made
        }
        guard let lease = made?.asLease, lease.status == .pending else { return }
        let owner = Principal(subject: "owner", roles: [.fleetOperator], fleets: [key.fleet])
        try run(as: owner) { ledger, context throws(FleetError) in
            try ledger.act(.approve, on: lease.id, &context)
        }
    }

    private mutating func commit() async throws {
        try await store.commit(ledger.unconfirmed)
        ledger.confirm()
    }

    func report(_ question: Question) async throws -> MetricsReport {
        guard let federation else { preconditionFailure("the federation was made") }
        let window = Window(start: question == .day ? now - 86_400 : Self.start, end: now)
        guard let period = MetricsPeriod(window, step: question == .hours ? 3600 : nil, asOf: now) else {
            preconditionFailure("it has at most a thousand steps")
        }
        let own: Set<Fleet.ID> = [Self.fleets[1]]
        let reader = Principal(subject: "reader", roles: [.auditor])
        return try await MetricsCalculator(store: store).report(
            on: federation, for: reader, question == .fleet ? .fleets(own, audited: own) : .federation, period)
    }
}
