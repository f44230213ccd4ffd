import FleetJSON
import Foundation
import Testing

@Suite("The service without its Kafka")
struct KafkaTests {
    @Test("decides all the same, says in /health why it cannot be used, and nowhere the password")
    func away() async throws {
        let directory = try ScratchDirectory()
        let password = "kafka-password-\(UUID().uuidString)"
        let service = try await ServiceProcess.start(
            in: directory,
            [
                "KAFKA_BROKERS": "127.0.0.1:\(ServiceProcess.sparePort())", "KAFKA_USERNAME": "fleet",
                "KAFKA_PASSWORD_FILE": try directory.write(password + "\n", to: "password"), "LOG_LEVEL": "trace",
            ])
        _ = try await service.create("first")
        let reason: String = try await eventually("the reason to be told") {
            let health = try await service.send("GET", "//health")
            let kafka = (try? JSON.parse(health.text))?.objectValue?["checks"]?.objectValue?["kafka"]?.objectValue
            return kafka?["reason"]?.stringValue
        }
        #expect(reason.hasPrefix("no broker can be reached"), "\(reason)")
        let metrics = try await service.send("GET", "//metrics").text
        #expect(metrics.contains(#"fleet_dependency_up{dependency="kafka"} 0"#))
        #expect(metrics.contains(#"fleet_sink_lag_events{sink="kafka"}"#))
        #expect(try await service.stop() == .exited(0))
        #expect(!service.transcript.contains(password) && service.transcript.contains("librdkafka"))
    }
}
