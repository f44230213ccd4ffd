import FleetJSON
import FleetTestSupport
import Foundation
import Testing

/// Users of PostgreSQL that may less than everything, and one that may more than it should.
@Suite(
    "Users of the database", .enabled(if: TestDatabase.postgresURL != nil), .serialized, .timeLimit(.minutes(3)))
struct DatabaseUserTests {
    /// What the service says before it has begun; its tables are not there then.
    private func refused(_ user: WeakUser, in directory: ScratchDirectory) async throws -> String {
        let (status, output, errors) = try await ServiceProcess.run(in: directory, ["DATABASE_URL": user.url])
        #expect(status == .exited(1))
        #expect(output.isEmpty && errors.lines.count == 1, "\(output)\(errors)")
        let made = "SELECT count(*) FROM pg_tables WHERE schemaname LIKE 'fleet_coordination%'"
        #expect(try await user.database.execute(made) == "0")
        #expect(!FileManager.default.fileExists(atPath: directory.keyFile))
        return errors
    }

    @Test("who is in the writer's role serves what another has made, and changes no schema")
    func writer() async throws {
        let (directory, user) = (try ScratchDirectory(), try await WeakUser())
        let (status, _, errors) = try await ServiceProcess.run(
            in: directory, ["DATABASE_URL": user.database.url], ["migrate"])
        #expect(status == .exited(0), "\(errors)")
        try await user.database.execute("GRANT fleet_coordination_writer TO \(user.name)")

        let service = try await ServiceProcess.start(in: directory, ["DATABASE_URL": user.url])
        try await service.fill()
        #expect(try await service.federationNames() == ["rebuilt"])
        let key = try await service.send(
            "POST", "/api-keys", #"{"name":"south","roles":["fleet_operator"],"fleet_ids":["south"]}"#)
        let secret = try #require(key["key"]?.stringValue)
        for list in ["resource-sharing", "communication-logs", "events", "fleets"] {
            let reply = try await service.send("GET", "/\(list)", key: secret)
            #expect(reply.status == 200, "\(list): \(reply.text)")
        }
        try await service.stop()

        let doctor = try await ServiceProcess.run(in: directory, ["DATABASE_URL": user.url], ["doctor"])
        #expect(doctor.status == .exited(0), "\(doctor.output)")
        for statement in [
            "DROP TABLE fleet_coordination.events", "CREATE TABLE fleet_coordination.mine (a INT)",
            "ALTER TABLE fleet_coordination.fleets DISABLE ROW LEVEL SECURITY",
        ] { await #expect(throws: StartFailure.self) { try await Psql.run(statement, at: user.url, in: directory) } }
        await user.drop()
    }

    @Test("who may neither make the schema nor read by the reader's role is refused with what to do")
    func weak() async throws {
        let (directory, user) = (try ScratchDirectory(), try await WeakUser())
        let line = try await refused(user, in: directory)
        #expect(
            line.hasPrefix(
                "fleet-coordination: DATABASE_URL: the user may not make or change the schema and its roles: "))
        #expect(line.trimmed.hasSuffix("; run 'fleet-coordination migrate' as one who may: docs/postgresql.md."))
        try await user.database.execute("GRANT fleet_coordination_writer TO \(user.name)")
        #expect(try await refused(user, in: directory).contains("permission denied for database"))
        await user.drop()
    }

    @Test("who was not let into a schema that is there is told so, whatever it runs")
    func closed() async throws {
        let (directory, user) = (try ScratchDirectory(), try await WeakUser())
        _ = try await ServiceProcess.run(in: directory, ["DATABASE_URL": user.database.url], ["migrate"])
        for command in [["serve"], ["migrate"], ["events", "rebuild"]] {
            let (status, _, errors) = try await ServiceProcess.run(in: directory, ["DATABASE_URL": user.url], command)
            #expect(status == .exited(1))
            #expect(
                errors.lines == [
                    "fleet-coordination: DATABASE_URL: the schema is there, and the user may not use it; "
                        + "grant the user fleet_coordination_writer: docs/postgresql.md."
                ], "\(command): \(errors)")
        }
        let doctor = try await ServiceProcess.run(in: directory, ["DATABASE_URL": user.url], ["doctor"])
        #expect(doctor.status == .exited(1))
        #expect(doctor.output.lines.count { $0.hasPrefix("FAIL") } == 1, "\(doctor.output)")
        await user.drop()
    }

    private static let adminURL = ProcessInfo.processInfo.environment["DATABASE_ADMIN_URL"]

    /// The address of a database for who may do everything there.
    private static func admin(of database: ScratchPostgres) throws -> String {
        let admin = try #require(adminURL)
        var address = try #require(URLComponents(string: admin))
        address.path = try #require(URLComponents(string: database.url)).path
        return try #require(address.string)
    }

    @Test("who is not told which server it is cannot notice a fail-over, and is refused", .enabled(if: adminURL != nil))
    func identity() async throws {
        let (directory, target) = (try ScratchDirectory(), try await ScratchPostgres())
        _ = try await Psql.run(
            "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC", at: try Self.admin(of: target), in: directory)
        let (status, _, errors) = try await ServiceProcess.run(in: directory, ["DATABASE_URL": target.url])
        #expect(status == .exited(1))
        let reason = "permission denied for function pg_control_system"
        #expect(errors.lines.count == 1 && errors.contains("DATABASE_URL: the user may not do what is needed: "))
        #expect(errors.contains(reason), "\(errors)")
        let doctor = try await ServiceProcess.run(in: directory, ["DATABASE_URL": target.url], ["doctor"])
        #expect(doctor.output.contains("a fail-over cannot be noticed") && doctor.output.contains(reason))
        await target.drop()
    }

    @Test("a superuser is served, and warned of", .enabled(if: adminURL != nil))
    func superuser() async throws {
        let (directory, target) = (try ScratchDirectory(), try await ScratchPostgres())
        let service = try await ServiceProcess.start(in: directory, ["DATABASE_URL": try Self.admin(of: target)])
        try await service.stop()
        #expect(service.transcript.contains("DATABASE_URL names a superuser"), "\(service.transcript)")
        let migrate = try await ServiceProcess.run(
            in: directory, ["DATABASE_URL": try Self.admin(of: target)], ["migrate"])
        #expect(migrate.status == .exited(0) && migrate.errors.contains("DATABASE_URL names a superuser"))
        await target.drop()
    }
}
