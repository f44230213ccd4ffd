import FleetJSON
import Foundation
import Testing

@Suite("events rebuild")
struct EventsRebuildTests {
    private static let tables: Set<Substring> = [
        "allocations", "api_keys", "audit_checkpoints", "communication_logs", "coordination_metrics", "messages",
        "webhooks", "event_replays", "fleet_balances",
        "fleet_federation_members",
        "fleet_federations", "fleet_quotas", "fleets",
        "resource_sharing", "resources",
    ]

    @Test("proves beside the running service that every table is what the log says")
    func same() async throws {
        let directory = try ScratchDirectory()
        let service = try await ServiceProcess.start(in: directory)
        try await service.fill()
        let (status, output, errors) = try await ServiceProcess.run(in: directory, [:], ["events", "rebuild"])
        #expect(status == .exited(0), "\(output)\(errors)")
        let rows = output.lines.dropLast().map { $0.split(separator: " ") }
        #expect(Set(rows.map { $0[0] }) == Self.tables)
        #expect(rows.count == Self.tables.count)
        #expect(rows.allSatisfy { $0.count == 5 && $0[4] == "same" }, "\(output)")
        // A table that no write reached would be the same whatever the program did.
        #expect(rows.filter { $0[1] == "0" }.map { $0[0] } == [], "\(output)")
        #expect(try await service.create("after").status == 201)
    }

    @Test(
        "exits 1 and names the table when one was changed by hand",
        arguments: [
            ("fleet_federations", "UPDATE fleet_federations SET name = 'changed'"), ("fleets", "DELETE FROM fleets"),
            ("resources", "UPDATE resources SET capacity = capacity + 1"),
        ])
    func differs(table: String, statement: String) async throws {
        let directory = try ScratchDirectory()
        let service = try await ServiceProcess.start(in: directory)
        try await service.fill()
        try await service.stop()
        try database(in: directory, statement)
        let (status, output, _) = try await ServiceProcess.run(in: directory, [:], ["events", "rebuild"])
        #expect(status == .exited(1))
        let different = output.lines.filter { $0.contains(" DIFFERS from ") }
        #expect(different.count == 1 && different[0].hasPrefix(table + " "), "\(output)")
    }
}
