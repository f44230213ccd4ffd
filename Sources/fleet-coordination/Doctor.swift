import ArgumentParser
import ClickHouseBackend
import FleetJSON
import FleetService
import FleetStore
import Foundation
import KafkaBackend
import Logging
import RedisBackend
import Synchronization

/// `fleet-coordination doctor`: looks at everything that is configured, before or beside a running service.
struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check what the service needs: the database, Redis, Kafka, ClickHouse.",
        discussion: """
            Prints a line for each check: 'ok', 'warn' or 'FAIL', the dependency, the check, what was found, and below \
            what is not ok what to do. Ends within seconds, whoever does not answer. Exits with 1 when something is a FAIL. \
            It leaves nothing behind, and works beside a running service.
            """)

    @OptionGroup var place: DatabaseOptions
    @Flag(help: "Print one JSON object, for machines.")
    var json = false

    /// For each dependency; they are looked at all at once.
    private static let deadline = Duration.seconds(5)

    /// One dependency, and the settings that say how it is reached.
    private struct Patient: Sendable {
        let name: String
        let settings: String
        let examine: @Sendable (Notes) async throws -> Void
    }

    func run() async throws {
        let settings = try Settings(place.environment)
        let patients = try patients(settings)
        let findings = await withTaskGroup(of: (Int, [Finding]).self) { group in
            for (index, patient) in patients.enumerated() {
                group.addTask { (index, await Self.findings(of: patient)) }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        let all = patients.indices.flatMap { index in (findings[index] ?? []).map { (patients[index].name, $0) } }
        json ? printJSON(all) : printLines(all)
        // Whatever hangs is left where it is.
        Foundation.exit(all.contains { $0.1.level == .fail } ? 1 : 0)
    }

    private func patients(_ settings: Settings) throws -> [Patient] {
        func none(_ name: String, _ text: String) -> Patient {
            Patient(name: name, settings: "") { $0(.ok("configured", text)) }
        }
        let database = DatabaseExamination(settings: settings)
        var patients = [
            Patient(
                name: database.name, settings: "DATABASE_URL and DATABASE_PASSWORD", examine: database.examine),
            Patient(name: "files", settings: "DATA_DIR", examine: database.examineFiles),
        ]
        if let redis = settings.redis.map({ RedisCache($0) }) {
            patients.append(Patient(name: "redis", settings: "REDIS_ADDR and REDIS_…", examine: redis.examine))
        } else {
            patients.append(none("redis", "none; each process remembers for itself"))
        }
        if let kafka = settings.kafka {
            let bus: KafkaBus
            do {
                bus = try KafkaBus(
                    kafka.settings, logger: Logger(label: "doctor", factory: { _ in SwiftLogNoOpLogHandler() }))
            } catch {
                throw SettingsError("KAFKA_BROKERS", "and what belongs to it cannot be used: \(error)")
            }
            patients.append(
                Patient(name: "kafka", settings: "KAFKA_BROKERS and KAFKA_…") {
                    try await bus.examine([kafka.topics.events], $0)
                })
        } else {
            patients.append(none("kafka", "none; events go to no bus"))
        }
        if let clickHouse = settings.clickHouse.map({ ClickHouse($0) }) {
            patients.append(
                Patient(name: "clickhouse", settings: "CLICKHOUSE_ADDR and CLICKHOUSE_…") {
                    try await clickHouse.examine($0)
                    try await database.examineOwner(of: clickHouse, $0)
                })
        } else {
            patients.append(none("clickhouse", "none; the database sums up"))
        }
        return patients
    }

    private static func findings(of patient: Patient) async -> [Finding] {
        let found = Found()
        do {
            try await withDeadline(deadline) { try await patient.examine(found.note) }
        } catch is DeadlineExceeded {
            found.note(
                .fail(
                    found.next, "no answer within \(deadline)", "look at the server, the firewall, \(patient.settings)")
            )
        } catch {
            let advice = (error as? StoreError)?.advice ?? "look whether it runs, and at \(patient.settings)"
            found.note(.fail(found.next, "\(words(of: error))", advice))
        }
        return found.all
    }

    private final class Found: Sendable {
        private let findings = Mutex<[Finding]>([])

        func note(_ finding: Finding) { findings.withLock { $0.append(finding) } }
        var all: [Finding] { findings.withLock { $0 } }
        /// What is the matter with one that does not go on.
        var next: String { all.isEmpty ? "reachable" : "usable" }
    }

    // MARK: Printing

    private func printLines(_ findings: [(String, Finding)]) {
        func column(_ text: String, _ width: Int) -> String {
            text.padding(toLength: max(width, text.count), withPad: " ", startingAt: 0)
        }
        for (name, finding) in findings {
            print(
                column(finding.level.rawValue, 4), column(name, 10), column(finding.check, 11), finding.text,
                separator: "  ")
            if let advice = finding.advice { print("      → \(advice)") }
        }
    }

    private func printJSON(_ findings: [(String, Finding)]) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("ok")
        writer.value(!findings.contains { $0.1.level == .fail })
        writer.key("findings")
        writer.beginArray()
        for (name, finding) in findings {
            writer.beginObject()
            let fields = [
                ("level", finding.level.rawValue), ("dependency", name), ("check", finding.check),
                ("finding", finding.text),
            ]
            for (key, value) in fields {
                writer.key(string: key)
                writer.value(value)
            }
            if let advice = finding.advice {
                writer.key("advice")
                writer.value(advice)
            }
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        print(writer.string)
    }
}
