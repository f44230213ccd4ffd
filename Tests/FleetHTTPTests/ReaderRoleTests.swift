import FleetHTTP
import FleetJSON
import FleetStore
import FleetTestSupport
import HTTPTypes
import Testing

/// Lists on PostgreSQL are read by the role that row-level security binds: `RowScopeTests` shows what it is shown.
@Suite("A list on PostgreSQL", .enabled(if: TestDatabase.postgresURL != nil), .timeLimit(.minutes(2)))
struct ReaderRoleTests {
    /// Every policy of the role.
    private static let close = SQL(
        "test.close",
        """
        DO $$
        DECLARE secured TEXT;
        BEGIN
            FOR secured IN SELECT tablename FROM pg_policies WHERE schemaname = current_schema() AND policyname = 'reader' LOOP
                EXECUTE format('ALTER POLICY reader ON %I USING (FALSE)', secured);
            END LOOP;
        END $$
        """)

    private static func lists(of federation: String) -> [String] {
        [
            "/federations", "/federations/\(federation)/members", "/federations/\(federation)/quotas", "/fleets",
            "/fleets/owner/resources", "/resource-sharing", "/allocations", "/communication-logs",
            "/webhooks?fleet_id=borrower", "/api-keys",
        ]
    }

    /// Rows of the list; none where what it belongs to is not found.
    private static func count(_ reply: TestService.Reply) -> Int {
        reply.json.objectValue?.members.compactMap(\.value.arrayValue).map(\.count).reduce(0, +) ?? 0
    }

    @Test("has nothing, whoever asks, once the policies of that role show nothing")
    func bound() async throws {
        try await MadeStage.run { stage in
            let (service, lists) = (stage.service, Self.lists(of: stage.federation))
            for list in lists {
                let reply = try await service.ok("GET", list)
                #expect(Self.count(reply) > 0, "\(list)")
            }
            try await service.api.store.database.commit([Self.close])
            for list in lists {
                let reply = try await service.send("GET", list)
                #expect([200, 404].contains(reply.status) && Self.count(reply) == 0, "\(list): \(reply.status)")
            }
        }
    }
}
