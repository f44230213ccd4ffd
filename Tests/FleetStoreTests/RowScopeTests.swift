import FleetDomain
import FleetTestSupport
import Testing

@testable import FleetStore

/// What PostgreSQL shows a reader whose query forgets to ask for less.
@Suite(
    "Row-level security", .enabled(if: TestDatabase.postgresURL != nil), .timeLimit(.minutes(Effort.minutes(5))))
struct RowScopeTests {
    private static let seeds = Generator.seeds(Effort.seeds(3, slow: 20))

    /// What ties a reader to rows, found in the tables by other means than the policies.
    private struct Ties {
        let isEverything: Bool
        let subject: String
        let fleets: Set<Fleet.ID>
        let coordinated: Set<Federation.ID>
        let joined: Set<Federation.ID>
        let met: Set<Fleet.ID>

        init(_ reader: Principal, _ world: PredicateWorld) {
            let members = world.ledger.members.values
            isEverything = !reader.roles.isDisjoint(with: [.platformAdmin, .auditor])
            subject = reader.subject
            fleets = reader.fleets
            let own = members.filter { reader.fleets.contains($0.key.fleet) }
            coordinated = reader.federations
                .union(world.ledger.federations.values.filter { $0.createdBy == reader.subject }.map(\.id))
                .union(own.filter { $0.role == .coordinator && $0.status == .active }.map(\.key.federation))
            let joined = coordinated.union(own.map(\.key.federation))
            self.joined = joined
            met = reader.fleets.union(members.filter { joined.contains($0.key.federation) }.map(\.key.fleet))
        }

        func isParty(_ fleets: Fleet.ID..., in federation: Federation.ID) -> Bool {
            fleets.contains(where: self.fleets.contains) || coordinated.contains(federation)
        }
    }

    private func expect<Row: Record>(
        _ table: Table<Row>, _ ties: Ties, _ scope: RowScope, in world: PredicateWorld, _ label: Comment,
        _ isNear: (Row) -> Bool
    ) async throws {
        let database = world.store.database
        let all = try await database.read(table.everyRow).map { try table.decode($0) }
        let shown = try await database.read(table.everyRow, within: scope).map { try table.decode($0) }
        let near = all.filter { ties.isEverything || isNear($0) }
        #expect(shown == near, "\(table.name), \(label)")
    }

    @Test("shows a reader rows that it is tied to, however they are asked for", arguments: seeds)
    func ties(_ seed: UInt64) async throws {
        try await PredicateWorld.run(seed: seed, commands: 120) { world in
            for _ in 0..<25 {
                let reader = world.reader()
                let (ties, scope) = (Ties(reader, world), RowScope(reader))
                let label: Comment = "seed \(seed), \(reader)"
                try await expect(Tables.fleets, ties, scope, in: world, label) { ties.met.contains($0.id) }
                try await expect(Tables.resources, ties, scope, in: world, label) { ties.met.contains($0.key.fleet) }
                try await expect(Tables.federations, ties, scope, in: world, label) { ties.joined.contains($0.id) }
                try await expect(Tables.members, ties, scope, in: world, label) {
                    ties.joined.contains($0.key.federation)
                }
                try await expect(Tables.quotas, ties, scope, in: world, label) {
                    ties.isParty($0.key.member.fleet, in: $0.key.member.federation)
                }
                try await expect(Tables.allocations, ties, scope, in: world, label) {
                    ties.isParty($0.target, in: $0.federation)
                }
                try await expect(Tables.leases, ties, scope, in: world, label) {
                    ties.isParty($0.source, $0.target, in: $0.federation)
                }
                try await expect(Tables.deliveries, ties, scope, in: world, label) {
                    ties.isParty($0.source, $0.target, in: $0.federation)
                }
                try await expect(Tables.webhooks, ties, scope, in: world, label) { ties.fleets.contains($0.fleet) }
                try await expect(Tables.metrics, ties, scope, in: world, label) {
                    ties.coordinated.contains($0.federation)
                }
                try await expect(Tables.keys, ties, scope, in: world, label) { $0.createdBy == ties.subject }
            }
        }
    }

    @Test("lets a reader into no table that is not for lists, and write nothing")
    func tables() async throws {
        let store = Store(database: try await TestDatabase.open())
        try await store.migrate(now: VirtualClock.start)
        let scope = RowScope(Principal(subject: "admin", roles: [.platformAdmin]))
        for query in [
            SQL("test.settings", "SELECT 1 FROM service_settings"), SQL("test.events", "SELECT 1 FROM events"),
            SQL("test.keys", "SELECT 1 FROM idempotency_keys"),
            SQL("test.writer", "SELECT 1 FROM writer"), SQL("test.messages", "SELECT 1 FROM messages"),
            SQL("test.pushes", "SELECT 1 FROM webhook_pushes"), SQL("test.tiles", "SELECT 1 FROM audit_tiles"),
        ] {
            await expectForbidden { () throws(StoreError) in _ = try await store.database.read([query], within: scope) }
        }
        await expectForbidden { () throws(StoreError) in
            try await store.database.commit([scope.enter, SQL("test.delete", "DELETE FROM fleets")])
        }
        // Whatever became of it, the connection is the service's own again.
        for _ in 0..<4 { _ = try await store.database.read(SQL("test.settings", "SELECT 1 FROM service_settings")) }
        await store.database.close()
    }

    private func expectForbidden(_ body: () async throws(StoreError) -> Void) async {
        do throws(StoreError) {
            try await body()
            Issue.record("nobody refused it")
        } catch {
            guard case .forbidden = error else {
                Issue.record("\(error)")
                return
            }
        }
    }
}

extension Table {
    fileprivate var everyRow: SQL {
        SQL("test.all", select + SQL.Fragment(trusted: "ORDER BY " + key.joined(separator: ", ")))
    }
}
