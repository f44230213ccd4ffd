import FleetDomain
import FleetStore
import SQLiteBackend

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Measures how long a start takes until commands are decided, by how many leases are live and how long the log is.
///
///     StartBench [LEASES EVENTS]
@main
struct StartBench {
    private static let rounds = 3

    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst().compactMap { Int($0) }
        let leases = arguments.first ?? 100_000
        let events = arguments.dropFirst().first ?? 1_000_000
        let path = FileManager.default.temporaryDirectory.path + "/start-bench-\(UInt64.random(in: 0...UInt64.max)).db"
        defer {
            for suffix in ["", "-wal", "-shm", ".lock"] { try? FileManager.default.removeItem(atPath: path + suffix) }
        }
        try await fill(path, leases: leases, events: events)
        var times: [Duration] = []
        for _ in 0..<rounds {
            let start = ContinuousClock.now
            let store = Store(database: try await SQLiteDatabase.open(path: path))
            try await store.requireCurrentSchema()
            let ledger = try await store.loadLedger()
            times.append(ContinuousClock.now - start)
            precondition(ledger.leases.count == leases && ledger.position >= events)
            await store.database.close()
        }
        let fastest = times.min() ?? .zero
        print(
            "\(leases) live leases, \(events) events: loaded in \(Int(fastest / .milliseconds(1))) ms, the fastest of \(rounds)"
        )
    }

    /// Leases far ahead, and changes of them until the log is as long as told.
    private static func fill(_ path: String, leases count: Int, events: Int) async throws {
        let store = Store(database: try await SQLiteDatabase.open(path: path))
        var booked = try BookedFederation(leases: count)
        try await store.migrate(now: BookedFederation.start)
        while booked.ledger.position < events || booked.leases.count < count {
            try booked.goOn()
            guard booked.ledger.recorded.count >= 5000 else { continue }
            try await store.commit(booked.ledger.unconfirmed)
            booked.ledger.confirm()
        }
        try await store.commit(booked.ledger.unconfirmed)
        await store.database.close()
    }
}

/// Twenty fleets that have booked each other's units far ahead, and keep changing the priorities.
private struct BookedFederation {
    static let start = Timestamp(milliseconds: 1_790_000_000_000)
    private static let fleets = (0..<20).map { Fleet.ID("fleet-\($0)")! }
    private static let type = ResourceType("vehicle")!
    private static let leasesOfUnit = 10

    var ledger = Ledger()
    private(set) var leases: [Lease.ID] = []
    private let wanted: Int
    private var federation = Federation.ID(raw: 0)
    private var changed = 0
    private var seed: UInt64 = 0

    init(leases wanted: Int) throws {
        self.wanted = wanted
        let made = try run { ledger, context throws(FleetError) in
            try ledger.create(
                FederationDraft(name: "Bench", description: "", policy: FederationPolicy(), foundingFleet: nil),
                &context)
        }
        guard case .federation(let federation)? = made else { return }
        self.federation = federation.id
        for fleet in Self.fleets {
            try run { ledger, context throws(FleetError) in
                try ledger.add(
                    MemberDraft(fleet: fleet, isolationLevel: IsolationLevel.none, resourceSharing: true),
                    to: federation.id, &context)
            }
        }
    }

    @discardableResult
    private mutating func run(
        _ decide: (inout Ledger, inout Context) throws(FleetError) -> Entity?
    ) throws -> Entity? {
        seed += 1
        var context = Context(
            principal: Principal(subject: "admin", roles: [.platformAdmin]), now: Self.start, requestID: "bench",
            ids: IDSource(seed: seed, random: seed))
        return try decide(&ledger, &context)
    }

    /// One lease more, or one change of those that there are.
    mutating func goOn() throws {
        guard leases.count < wanted else {
            let lease = leases[changed % leases.count]
            let priority: Priority = (changed / leases.count).isMultiple(of: 2) ? .high : .low
            changed += 1
            try run { ledger, context throws(FleetError) in
                try ledger.update(lease, LeaseUpdate(priority: priority), &context)
            }
            return
        }
        let (unit, slot) = (leases.count / Self.leasesOfUnit, leases.count % Self.leasesOfUnit)
        // An administrator's request registers the unit on its way.
        let request = SharingRequest(
            source: Self.fleets[unit % 20], target: Self.fleets[(unit + slot % 19 + 1) % 20],
            resourceType: Self.type, resource: Resource.ID("unit-\(unit)")!, duration: 1800, federation: federation,
            startsAt: Self.start + 86_400 + Int64(slot) * 3600)
        let made = try run { ledger, context throws(FleetError) in try ledger.request(request, &context) }
        if let lease = made?.asLease { leases.append(lease.id) }
    }
}
