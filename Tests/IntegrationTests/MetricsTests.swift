import FleetJSON
import Foundation
import Testing

@Suite("Measurements")
struct MetricsTests {
    @Test("METRICS_PORT answers without a credential, with the measurements alone; the main port asks for one")
    func ports() async throws {
        let metricsPort = ServiceProcess.sparePort()
        let service = try await ServiceProcess.start(in: ScratchDirectory(), ["METRICS_PORT": "\(metricsPort)"])
        let open = try await scrape(service, metricsPort)
        #expect(open.status == 200)
        #expect(open.headers["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true)
        let base = ServiceProcess.base
        for path in ["/federations", "/whoami", "/api-keys"] {
            #expect(
                try await service.send("GET", "//\(base)\(path)".replacing("///", with: "//"), port: metricsPort).status
                    == 404)
        }
        #expect(try await service.send("GET", "//openapi.json", port: metricsPort).status == 404)
        #expect(try await service.send("GET", "//metrics", key: .some(nil)).status == 401)
        #expect(try await service.send("GET", "//metrics").status == 200)
        #expect(try await service.stop() == .exited(0))
    }

    @Test("Without METRICS_PORT there is no open port")
    func noPort() async throws {
        let service = try await ServiceProcess.start(in: ScratchDirectory())
        #expect(service.log.filter { $0["message"]?.stringValue == "listening" }.count == 1)
        #expect(try await service.send("GET", "//metrics", key: .some(nil)).code == "unauthenticated")
    }

    @Test("Every measurement that is promised is there, and counts")
    func names() async throws {
        let service = try await ServiceProcess.start(in: ScratchDirectory())
        for name in ["one", "two", "three"] { #expect(try await service.create(name).status == 201) }
        #expect(
            try await service.send(
                "POST", "/federations/\(UUID().uuidString.lowercased())/members", #"{"fleet_id":"x"}"#
            ).status
                == 404)
        let text = try await scrape(service, nil).text
        let base = ServiceProcess.base
        let created =
            #"{http_request_method="POST",http_response_status_code="201",http_route="\#(base)/federations"}"#
        let samples = samples(of: text)
        // Those that were made meanwhile.
        let checkpoints =
            samples[#"fleet_coordination_operations_total{operation="audit.checkpoint",outcome="done"}"#] ?? 0
        let wanted: [String: Double] = [
            "http_server_request_duration_seconds_count\(created)": 3,
            #"fleet_federations{status="active"}"#: 3, #"fleet_federations{status="dissolved"}"#: 0,
            "fleet_sharing_utilization_ratio": 0,
            #"fleet_coordination_operations_total{operation="federation.create",outcome="done"}"#: 3,
            #"fleet_coordination_operations_total{operation="member.add",outcome="refused"}"#: 1,
            #"fleet_errors_total{code="federation_not_found"}"#: 1,
            "fleet_writer_queue_depth": 0,
            "fleet_writer_batch_commands_sum": 4 + checkpoints,
        ]
        for (name, value) in wanted { #expect(samples[name] == value, "\(name)") }
        // The administrator's key, then one commit for each federation, which a checkpoint may share.
        for name in ["fleet_writer_batch_commands_count", "fleet_writer_commit_duration_seconds_count"] {
            #expect((4...4 + checkpoints).contains(samples[name] ?? 0), "\(name)")
        }
        #expect((samples["fleet_writer_commit_duration_seconds_sum"] ?? 0) > 0)
        #expect((samples["http_server_request_duration_seconds_sum\(created)"] ?? 0) > 0)
    }

    @Test("promtool finds nothing to complain about")
    func promtool() async throws {
        let directory = try ScratchDirectory()
        let service = try await ServiceProcess.start(in: directory)
        #expect(try await service.create("measured").status == 201)
        #expect(try await service.send("GET", "/federations?nothing=1").status == 400)
        try directory.write(try await scrape(service, nil).text, to: "metrics.txt")
        let (status, output, errors) = try await TestTool.run(
            "bash", ["-c", "promtool check metrics < metrics.txt"], in: directory)
        #expect(status == .exited(0), "\(output)\(errors)")
        #expect(output + errors == "")
    }

    private func scrape(_ service: ServiceProcess, _ port: Int?) async throws -> Reply {
        try await service.send("GET", "//metrics", key: port == nil ? .none : .some(nil), port: port)
    }

    /// Values by their names with labels.
    private func samples(of text: String) -> [String: Double] {
        text.lines.filter { !$0.hasPrefix("#") }.reduce(into: [:]) { samples, line in
            guard let space = line.lastIndex(of: " ") else { return }
            samples[String(line[..<space])] = Double(line[line.index(after: space)...])
        }
    }
}
