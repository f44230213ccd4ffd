import FleetJSON
import FleetTestSupport
import Foundation
import Testing

/// Each of the four servers with each fault, on the built service: what `/health` says and how soon, whether writes are
/// taken, and how soon all is well again. Prints a line a cell, which says what showed it.
@Suite("Faults of servers", .enabled(if: TestDatabase.postgresURL != nil), .serialized, .timeLimit(.minutes(10)))
struct FaultMatrixTests {
    /// What a server does while it runs.
    enum Fault: String, CaseIterable {
        case refused, reset
        case blackHoled = "black-holed"
        case slow = "slow by 5 s"
        case killed = "killed and restarted"
        case frozen

        /// What shows it.
        var means: String { [.killed, .frozen].contains(self) ? "a real server" : "a real server behind a proxy" }

        func begin(at name: DevServers.Name, of servers: DevServers) async throws {
            switch self {
            case .refused:
                try servers.proxy(name).tell("reset")
                try servers.proxy(name).tell("refuse")
            case .reset: try servers.proxy(name).tell("reset")
            case .blackHoled: try servers.proxy(name).tell("black-hole")
            case .slow: try servers.proxy(name).tell("delay 5")
            case .killed: try await servers.change("kill", name)
            case .frozen: try await servers.change("freeze", name)
            }
        }

        func end(at name: DevServers.Name, of servers: DevServers) async throws {
            switch self {
            case .refused, .reset, .blackHoled, .slow: try servers.proxy(name).tell("pass")
            case .killed: try await servers.change("restart", name)
            case .frozen: try await servers.change("thaw", name)
            }
        }
    }

    /// In which `/health` has to be right.
    private static let notice = Duration.seconds(2)

    @Test("Whichever fails, however: /health is right within 2 s, and what can be decided without it is decided")
    func running() async throws {
        let servers = try await DevServers()
        let directory = try ScratchDirectory()
        let service = try await ServiceProcess.start(
            in: directory,
            servers.environment.merging(
                [
                    "ENCRYPTION_KEY_FILE": try directory.write(Data(count: 32).base64EncodedString(), to: "key"),
                    "ADMIN_API_KEY": ReplicaSet.adminKey, "DATABASE_STATEMENT_TIMEOUT_MS": "3000",
                ]) { $1 })
        let cells = Cells(service, try await Lending(on: service))
        _ = try await cells.become("healthy")
        for name in DevServers.Name.allCases {
            for fault in Fault.allCases { await cells.run(fault, at: [name], of: servers) }
        }
        for fault in [Fault.refused, .blackHoled] {
            await cells.run(fault, at: [.redis, .kafka, .clickhouse], of: servers)
        }
        // Nothing that was acknowledged in any cell is lost, and every event has arrived in both sinks.
        let names = try await service.federationNames()
        #expect(Set(cells.acknowledged).subtracting(names) == [])
        #expect(names.count == Set(names).count)
        for sink in ["kafka", "clickhouse"] {
            _ = try await eventually("\(sink) to have everything") {
                try await service.send("GET", "//metrics").text
                    .contains("fleet_sink_lag_events{sink=\"\(sink)\"} 0\n") ? true : nil
            }
        }
        #expect(try await service.stop() == .exited(0), "\(service.child.errors.suffix(2000))")
        try await servers.stop()
    }

    /// One service, and what was measured on it.
    private final class Cells {
        private let service: ServiceProcess
        private let lending: Lending
        private(set) var acknowledged: [String] = []
        private var number = 0

        init(_ service: ServiceProcess, _ lending: Lending) {
            self.service = service
            self.lending = lending
        }

        /// How long it takes until `/health` says so; each of its answers is to come soon.
        func become(
            _ status: String, of names: [DevServers.Name] = [], within limit: Duration = .seconds(30)
        ) async throws -> Duration {
            let begin = ContinuousClock.now
            var last = ""
            while true {
                let asked = ContinuousClock.now
                let reply = try await service.send("GET", "//health")
                let took = ContinuousClock.now - asked
                guard took < .milliseconds(1800) else { throw Failure("/health took \(took)") }
                last = reply.text
                let checks = reply["checks"]?.objectValue
                let areDown = names.allSatisfy {
                    let check = checks?[$0 == .postgres ? "database" : $0.rawValue]?.objectValue
                    return check?["status"]?.stringValue == "unhealthy"
                }
                if reply["status"]?.stringValue == status, areDown { return ContinuousClock.now - begin }
                guard ContinuousClock.now - begin < limit else { throw Failure("\(status) is awaited, but \(last)") }
                try await Task.sleep(for: .milliseconds(20))
            }
        }

        func run(_ fault: Fault, at names: [DevServers.Name], of servers: DevServers) async {
            let title = names.map(\.rawValue).joined(separator: ", ") + " " + fault.rawValue
            do {
                for name in names { try await fault.begin(at: name, of: servers) }
                let isCore = names.contains(.postgres)
                let noticed = try await become(isCore ? "unhealthy" : "degraded", of: names)
                #expect(noticed < FaultMatrixTests.notice, "\(title)")
                let writes = try await isCore ? refusedWrite() : writesThatSucceed()
                if isCore {
                    try await circuit(isClosed: false)
                    try await strangers()
                    try await readiness(503)
                }
                for name in names { try await fault.end(at: name, of: servers) }
                let healed = try await become("healthy")
                if isCore {
                    _ = try await writesThatSucceed(patiently: true)
                    try await circuit(isClosed: true)
                    try await readiness(200)
                }
                print(
                    "fault: \(title): /health \(noticed.short), \(writes), well after \(healed.short); \(fault.means)")
            } catch {
                Issue.record("\(title): \(error)")
                for name in names { try? await fault.end(at: name, of: servers) }
            }
        }

        /// Waits until the circuit of the database is so, in `/health` and for Prometheus.
        private func circuit(isClosed: Bool) async throws {
            _ = try await eventually("a circuit that is \(isClosed ? "closed" : "open")") { () -> Bool? in
                let reply = try await service.send("GET", "//health")
                let state = reply["checks"]?.objectValue?["database"]?.objectValue?["circuit"]?.stringValue
                guard (state == "closed") == isClosed else { return nil }
                return try await service.send("GET", "//metrics").text
                    .contains("fleet_dependency_up{dependency=\"database\"} \(isClosed ? 1 : 0)\n") ? true : nil
            }
        }

        /// Whoever is not known cannot be looked up, and is not kept waiting for it.
        private func strangers() async throws {
            for number in 0..<3 {
                let begin = ContinuousClock.now
                let reply = try await service.send("GET", "//health", key: "nobody-\(number)-\(self.number)")
                let took = ContinuousClock.now - begin
                guard reply.status == 503, took < FaultMatrixTests.notice else {
                    throw Failure("/health is answered \(reply.status) after \(took) to a stranger")
                }
            }
        }

        /// What a balancer is told, once the database was not reached for a while.
        private func readiness(_ status: Int) async throws {
            _ = try await eventually("/readyz \(status)", within: .seconds(15)) {
                try await service.send("GET", "//readyz").status == status ? true : nil
            }
        }

        private func nextName() -> String {
            number += 1
            return "federation-\(number)"
        }

        /// Writes and reads of what the database alone is needed for.
        private func writesThatSucceed(patiently: Bool = false) async throws -> String {
            var slowest = Duration.zero
            for _ in 0..<5 {
                let name = nextName()
                let begin = ContinuousClock.now
                let reply = try await eventually("a write: \(service.child.errors.suffix(1000))") {
                    let reply = try await service.create(name, idempotencyKey: name + "-0123456789")
                    return reply.status == 201 || !patiently ? reply : nil
                }
                guard reply.status == 201 else { throw Failure("a write is answered \(reply.status) \(reply.text)") }
                acknowledged.append(name)
                let id = reply["federation_id"]?.stringValue ?? ""
                let read = try await service.send("GET", "/federations/\(id)")
                guard read.status == 200 else { throw Failure("a read is answered \(read.status) \(read.text)") }
                let took = ContinuousClock.now - begin
                slowest = max(slowest, took)
            }
            let begin = ContinuousClock.now
            let start = lending.window(day: 1 + number / 24, hour: number % 24)
            for (what, reply) in [
                ("a lease", try await lending.ask(on: service, start)),
                ("an allocation", try await lending.allocate(on: service, start)),
                ("a message", try await lending.say("number \(number)", on: service)),
            ] {
                guard reply.status == 201 || reply.status == 202 else {
                    throw Failure("\(what) is answered \(reply.status) \(reply.text)")
                }
            }
            slowest = max(slowest, ContinuousClock.now - begin)
            guard patiently || slowest < .seconds(2) else { throw Failure("a write and its read take \(slowest)") }
            let summary = try await service.send("GET", "/metrics?federation_id=\(lending.federation)")
            guard summary.status == 200 else { throw Failure("a summary: \(summary.status) \(summary.text)") }
            return "writes within \(slowest.short)"
        }

        /// Without the database nothing is decided, which is said in time.
        private func refusedWrite() async throws -> String {
            let begin = ContinuousClock.now
            let name = nextName()
            let reply = try await service.create(name, idempotencyKey: name + "-0123456789")
            let took = ContinuousClock.now - begin
            if reply.status == 201 { acknowledged.append(name) }
            guard reply.status == 503, let code = reply.code, took < .seconds(12) else {
                throw Failure("a write is answered \(reply.status) \(reply.text) after \(took)")
            }
            return "writes \(code) within \(took.short)"
        }
    }

    private struct Failure: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    // MARK: From the start

    struct Refusal: Sendable, CustomTestStringConvertible {
        let name: DevServers.Name
        let fault: String
        /// nil is the real server.
        let peer: String?
        let settings: [String: String]
        /// What is said, or its beginning.
        let reason: String

        var testDescription: String { "\(name) \(fault)" }

        init(
            _ name: DevServers.Name, _ fault: String, peer: String? = nil, with settings: [String: String] = [:],
            saying reason: String
        ) {
            (self.name, self.fault, self.peer, self.settings, self.reason) = (name, fault, peer, settings, reason)
        }
    }

    private static let wrong = "wrong-password-of-nobody"

    private static let refusals = [
        Refusal(
            .postgres, "wrong credentials", with: ["DATABASE_PASSWORD": wrong],
            saying: "password authentication failed"),
        Refusal(
            .redis, "wrong credentials", with: ["REDIS_PASSWORD": wrong],
            saying: "the server refuses REDIS_USERNAME or REDIS_PASSWORD"),
        Refusal(
            .clickhouse, "wrong credentials", with: ["CLICKHOUSE_PASSWORD": wrong],
            saying: "the user name or the password is wrong"),
        Refusal(
            .kafka, "wrong credentials", peer: "strict-kafka",
            with: ["KAFKA_USERNAME": "fleet", "KAFKA_PASSWORD": wrong], saying: "the brokers refuse the credentials"),
        Refusal(
            .postgres, "too old", peer: "old-postgres", saying: "the server is PostgreSQL 12; 13 is the oldest"),
        Refusal(
            .redis, "too old", peer: "old-redis", saying: "the server is older than Redis 6; Redis 6 or newer is needed"
        ),
        Refusal(
            .clickhouse, "too old", peer: "old-clickhouse",
            saying: "it is version 21.8.15.7, and 22 or newer is needed"),
        Refusal(
            .kafka, "too old", peer: "old-kafka", saying: "the brokers are too old; Kafka 2.8 or newer is needed"),
    ]

    @Test("Wrong credentials and a server that is too old are told as what they are, and nobody sees the password")
    func fromTheStart() async throws {
        let servers = try await DevServers()
        for refusal in Self.refusals {
            do {
                let reason = try await reason(of: refusal, servers)
                print(
                    "fault: \(refusal.testDescription): \(reason);",
                    refusal.peer.map { "a scripted peer, \($0)" } ?? "a real server")
            } catch {
                Issue.record("\(refusal.testDescription): \(error)")
            }
        }
        try await servers.stop()
    }

    private func reason(of refusal: Refusal, _ servers: DevServers) async throws -> String {
        let directory = try ScratchDirectory()
        var environment = servers.environment(of: refusal.name)
        guard let peer = refusal.peer else { return try await reason(of: refusal, directory, environment) }
        let server = try await ScriptedServer(peer, in: directory)
        defer { withExtendedLifetime(server) {} }
        environment = environment.filter { $0.key == "LD_LIBRARY_PATH" }
        environment[DevServers.variable(of: refusal.name)] =
            refusal.name == .postgres ? "postgres://fleet@\(server.address)/fleet" : server.address
        return try await reason(of: refusal, directory, environment)
    }

    private func reason(
        of refusal: Refusal, _ directory: ScratchDirectory, _ settings: [String: String]
    ) async throws -> String {
        let settings = settings.merging(refusal.settings) { $1 }.merging(["LOG_LEVEL": "trace"]) { $1 }
        guard refusal.name != .postgres else {
            let (status, output, errors) = try await ServiceProcess.run(in: directory, settings)
            let line = errors.lines.last { $0.hasPrefix("fleet-coordination: DATABASE_URL: ") } ?? ""
            guard status == .exited(1), line.contains(refusal.reason), !(output + errors).contains(Self.wrong) else {
                throw Failure("\(status) \(errors)")
            }
            return line
        }
        let service = try await ServiceProcess.start(in: directory, settings)
        let reason = try await eventually("the reason: \(service.child.errors.suffix(2000))") {
            let reply = try await service.send("GET", "//health")
            let check = reply["checks"]?.objectValue?[refusal.name.rawValue]?.objectValue
            return check?["reason"]?.stringValue.flatMap { $0.contains(refusal.reason) ? $0 : nil }
        }
        #expect(try await service.create("without").status == 201)
        #expect(try await service.stop() == .exited(0))
        #expect(!service.transcript.contains(Self.wrong))
        return reason
    }
}

extension Duration {
    fileprivate var short: String { formatted(.units(allowed: [.seconds], fractionalPart: .show(length: 2))) }
}
