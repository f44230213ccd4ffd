import FleetDomain
import FleetHTTP
import FleetJSON
import FleetService
import FleetStore
import FleetTestSupport
import Testing

/// What probes and scrapers are told.
@Suite("Operation", .timeLimit(.minutes(2)))
struct OperationTests {
    @Test("Health names each dependency to who is known, and only its status to others")
    func healthy() async throws {
        try await TestService.run { service in
            let open = try await service.send("GET", "//health", key: .some(nil))
            #expect(open.status == 200 && open.object == ["status": "healthy", "service": "fleet-coordination"])
            let known = try await service.send("GET", "//health")
            let checks = known["checks"]?.objectValue ?? [:]
            #expect(checks.members.map(\.key) == ["database", "redis", "kafka", "clickhouse"])
            let database: JSONObject =
                TestDatabase.postgresURL == nil
                ? ["status": "healthy", "engine": "sqlite"]
                : ["status": "healthy", "engine": "postgres", "role": "writer", "replication": "none"]
            #expect(checks["database"]?.objectValue == database)
            #expect(checks["redis"]?.objectValue == ["status": "disabled"])
        }
    }

    @Test("A database that does not answer makes it unhealthy, also for a key that cannot be looked up; it still lives")
    func unhealthy() async throws {
        let database = FaultyDatabase(try await TestDatabase.open())
        try await TestService.run(database: database) { service in
            let fresh = try await service.key([.auditor])
            database.setReadFault(.unavailable("gone"))
            for key in [nil, fresh] {
                let health = try await service.send("GET", "//health", key: .some(key))
                #expect(health.status == 503 && health.text("status") == "unhealthy", "\(health.body)")
                #expect(try await service.send("GET", "//livez", key: .some(key)).status == 200)
            }
            database.setReadFault(nil)
            #expect(try await service.send("GET", "//health", key: .some(nil)).status == 200)
        }
    }

    @Test("A remote database is told of with its circuit, to administrators with the reason, and in the measurements")
    func circuit() async throws {
        let database = FaultyDatabase(try await TestDatabase.open())
        let remote = RemoteDatabase(database)
        let isShared = TestDatabase.postgresURL != nil
        try await TestService.run(database: remote, dependencies: [remote]) { service in
            let auditor = try await service.key([.auditor])
            @Sendable func check(_ key: String?) async throws -> JSONObject? {
                try await service.send("GET", "//health", key: .some(key))["checks"]?.objectValue?["database"]?
                    .objectValue
            }
            #expect(try await check(auditor)?["circuit"] == "closed")
            let well = try await service.ok("GET", "//metrics").body
            #expect(well.contains("fleet_dependency_up{dependency=\"database\"} 1\n"))
            #expect(well.contains("fleet_dependency_circuit{dependency=\"database\",state=\"closed\"} 1\n"))

            database.setReadFault(.unavailable("gone"))
            try await eventually {
                let found = try await check(service.adminKey)
                guard found?["circuit"] != "closed", found?["reason"] == "gone" else { return false }
                #expect(found?["status"] == "unhealthy" && (found?["role"] != nil) == isShared)
                return true
            }
            // Also where only the database could vouch for the writer's state.
            let ill = try await service.ok("GET", "//metrics").body
            #expect(ill.contains("fleet_dependency_up{dependency=\"database\"} 0\n"))

            database.setReadFault(nil)
            try await eventually { try await check(auditor)?["circuit"] == "closed" }
            let health = try await service.send("GET", "//health")
            #expect(health.status == 200 && health.text("status") == "healthy", "\(health.body)")
        }
    }

    @Test("Every refusal and failure is counted by its code, whichever request it answers")
    func errors() async throws {
        try await TestService.run { service in
            _ = try await service.send("GET", "/fleets/absent")
            _ = try await service.send("GET", "/whoami", key: .some("wrong"))
            _ = try await service.send("POST", "/federations", "{")
            _ = try await service.send("POST", "/fleets/absent/resources", #"{"resource_id":"r","resource_type":"t"}"#)
            let text = try await service.ok("GET", "//metrics").body
            for line in [
                #"fleet_errors_total{code="fleet_not_found"} 2"#, #"fleet_errors_total{code="invalid_credentials"} 1"#,
                #"fleet_errors_total{code="malformed_json"} 1"#,
            ] {
                #expect(text.contains(line), "\(line)")
            }
        }
    }
}
