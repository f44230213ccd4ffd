import FleetJSON
import FleetTestSupport
import Foundation
import Testing

@Suite("Starting")
struct StartUpTests {
    private static let key = String(repeating: "first-key-", count: 4)
    private static let otherKey = String(repeating: "other-key-", count: 4)

    @Test("The first start makes the administrator's key, prints it once and keeps it for its owner alone")
    func firstStart() async throws {
        let directory = try ScratchDirectory()
        let service = try await ServiceProcess.start(in: directory)
        let key = contents(of: directory.keyFile).trimmed
        #expect(key.hasPrefix("fleetkey_"))
        #expect(service.child.output.lines.filter { $0 == key }.count == 1)
        #expect(!service.child.errors.contains(key))
        let attributes = try FileManager.default.attributesOfItem(atPath: directory.keyFile)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        for file in ["fleet-coordination.db", "keys.db"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(directory.data)/\(file)")
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(file)")
        }
        #expect(try await service.send("GET", "/whoami", key: key).status == 200)
        #expect(try await service.stop() == .exited(0))

        let second = try await ServiceProcess.start(in: directory)
        #expect(second.child.output == "")
        #expect(!second.child.errors.contains(key))
        #expect(contents(of: directory.keyFile).trimmed == key)
        #expect(try await second.send("GET", "/whoami", key: key).status == 200)
    }

    @Test("A configured key takes the place of the one before it")
    func configuredKey() async throws {
        let directory = try ScratchDirectory()
        let made = try await ServiceProcess.start(in: directory)
        let earlier = made.adminKey
        try await made.stop()
        let file = try directory.write(Self.otherKey + "\n", to: "key")
        let changes = [
            (["ADMIN_API_KEY": Self.key], Self.key, earlier), (["ADMIN_API_KEY_FILE": file], Self.otherKey, Self.key),
            // Without a variable the last one stays in force.
            ([:], Self.otherKey, earlier),
        ]
        for (environment, good, bad) in changes {
            let service = try await ServiceProcess.start(in: directory, environment)
            #expect(try await service.send("GET", "/whoami", key: good).status == 200)
            #expect(try await service.send("GET", "/whoami", key: bad).code == "invalid_credentials")
            #expect(service.child.output == "")
            try await service.stop()
        }
    }

    @Test("A key configured from the beginning is the only one: none is made")
    func configuredAtFirst() async throws {
        let directory = try ScratchDirectory()
        let service = try await ServiceProcess.start(in: directory, ["ADMIN_API_KEY": Self.key])
        #expect(try await service.send("GET", "/whoami", key: Self.key).status == 200)
        #expect(service.child.output == "")
        #expect(!FileManager.default.fileExists(atPath: directory.keyFile))
    }

    @Test("A flag stands above its variable, in every command")
    func flags() async throws {
        let directory = try ScratchDirectory()
        let wrong = ["DATABASE_URL": "mysql://elsewhere", "DATA_DIR": directory.path + "/unused"]
        let flags = [
            "--data-dir", directory.path + "/kept", "--database-url", "sqlite://\(directory.path)/kept/fleet.db",
        ]
        let migrated = try await ServiceProcess.run(in: directory, wrong, ["migrate"] + flags)
        #expect(migrated.status == .exited(0), "\(migrated.errors)")
        let rebuilt = try await ServiceProcess.run(in: directory, wrong, ["events", "rebuild"] + flags)
        #expect(rebuilt.status == .exited(0), "\(rebuilt.errors)")
        #expect(FileManager.default.fileExists(atPath: directory.path + "/kept/fleet.db"))
        #expect(!FileManager.default.fileExists(atPath: directory.path + "/unused"))
    }

    @Test("A misspelt variable is a warning that names the nearest, and no reason to stop")
    func misspeltVariable() async throws {
        let service = try await ServiceProcess.start(in: ScratchDirectory(), ["LOG_LEVLE": "debug", "UNRELATED": "1"])
        let warnings = service.log.filter { $0["level"]?.stringValue == "warning" }
        #expect(warnings.count == 1)
        #expect(warnings.first?["found"]?.stringValue == "LOG_LEVLE")
        #expect(warnings.first?["meant"]?.stringValue == "LOG_LEVEL")
    }

    @Test("A flag wins over its variable")
    func flagWins() async throws {
        let directory = try ScratchDirectory()
        let data = directory.path + "/elsewhere"
        let service = try await ServiceProcess.start(
            in: directory, ["LOG_LEVEL": "loud"], arguments: ["serve", "--log-level", "info", "--data-dir", data])
        #expect(FileManager.default.fileExists(atPath: data + "/fleet-coordination.db"))
        #expect(!FileManager.default.fileExists(atPath: directory.data))
        #expect(try await service.stop() == .exited(0))
    }

    @Test("migrate makes the schema, and finds nothing to do the second time")
    func migrate() async throws {
        let directory = try ScratchDirectory()
        let first = try await ServiceProcess.run(in: directory, [:], ["migrate"])
        #expect(first.status == .exited(0))
        #expect(first.output.hasPrefix("applied 1 "))
        let second = try await ServiceProcess.run(in: directory, [:], ["migrate"])
        #expect(second.status == .exited(0))
        #expect(second.output == "the schema is up to date\n")
        let service = try await ServiceProcess.start(in: directory)
        #expect(try await service.stop() == .exited(0))
    }

    @Test("--help and --version answer on standard output", arguments: [("--help", "USAGE:"), ("--version", "0.")])
    func help(flag: String, text: String) async throws {
        let directory = try ScratchDirectory()
        let (status, output, errors) = try await ServiceProcess.run(in: directory, [:], [flag])
        #expect(status == .exited(0))
        #expect(output.contains(text))
        #expect(errors == "")
        #expect(!FileManager.default.fileExists(atPath: directory.data))
    }

    @Test("Options and commands that do not exist are refused", arguments: [["serve", "--prot", "1"], ["dance"]])
    func unknownArguments(arguments: [String]) async throws {
        let (status, _, errors) = try await ServiceProcess.run(in: ScratchDirectory(), [:], arguments)
        #expect(status == .exited(64))
        #expect(errors.hasPrefix("Error: Un"))
    }
}

@Suite("A refused start")
struct RefusedStartTests {
    @Test(
        "says in one line what is wrong and what to write instead, and leaves no stack trace",
        arguments: Effort.part(
            of: Symptom.settings + Symptom.redis + Symptom.clickHouse + Symptom.addresses + Symptom.tokens
                + Symptom.databases + Symptom.kafka))
    func oneLine(symptom: Symptom) async throws {
        guard let printed = try await symptom.provoke(ScratchDirectory()) else { return }
        #expect(printed.status == .exited(1))
        // Before it knows what is wrong the service may have logged that it listens.
        let plain = printed.errors.lines.filter { !$0.hasPrefix("{") }
        let isReport = !symptom.line.hasPrefix("fleet-coordination: ")
        let found = isReport ? printed.output.lines.filter(LinePattern(symptom.line).matches) : plain
        #expect(found.count == 1 && LinePattern(symptom.line).matches(found[0]), "\(printed.lines)")
        #expect(!printed.lines.contains { $0.contains("Fatal error") || $0.contains("Stack dump") })
    }

    @Test(
        "happens before anything is written when a setting is at fault",
        arguments: Effort.part(of: Symptom.settings + Symptom.redis + Symptom.clickHouse + Symptom.kafka))
    func writesNothing(symptom: Symptom) async throws {
        let directory = try ScratchDirectory()
        let printed = try #require(try await symptom.provoke(directory))
        #expect(printed.output == "" && printed.errors.lines.count == 1)
        #expect(!FileManager.default.fileExists(atPath: directory.data))
    }
}
