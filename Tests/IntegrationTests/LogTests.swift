import FleetJSON
import Foundation
import Testing

@Suite("The log")
struct LogTests {
    private static let key = "log-test-key-" + String(repeating: "0123456789", count: 3)

    @Test("Each request is one JSON line on standard error: id, hashed caller, route, status, duration")
    func requestLine() async throws {
        let service = try await ServiceProcess.start(in: ScratchDirectory(), ["ADMIN_API_KEY": Self.key])
        let created = try await service.send(
            "POST", "/federations", #"{"name":"logged"}"#, headers: ["X-Request-ID": "request-one"])
        let id = try #require(created["federation_id"]?.stringValue)
        _ = try await service.send("GET", "/federations/\(id)", headers: ["X-Request-ID": "request-two"])
        _ = try await service.send("GET", "/whoami", key: "denied", headers: ["X-Request-ID": "request-three"])
        try await service.stop()
        #expect(service.log.count == service.child.errors.lines.count)

        let base = ServiceProcess.base
        let wanted: [(id: String, method: String, route: String, status: Int64)] = [
            ("request-one", "POST", base + "/federations", 201),
            ("request-two", "GET", base + "/federations/{federation_id}", 200),
            ("request-three", "GET", base + "/whoami", 401),
        ]
        for wanted in wanted {
            let lines = service.log.filter { $0["request_id"]?.stringValue == wanted.id }
            #expect(lines.count == 1)
            let line = try #require(lines.first)
            #expect(line["method"]?.stringValue == wanted.method)
            #expect(line["route"]?.stringValue == wanted.route)
            #expect(line["status"]?.integerValue == wanted.status)
            #expect((line["duration_ms"]?.doubleValue ?? 0) > 0)
            #expect(line["time"] != nil && line["level"] != nil)
        }
        let callers = wanted.map { wanted in
            service.log.first { $0["request_id"]?.stringValue == wanted.id }?["principal"]?.stringValue
        }
        #expect(callers[0]?.count == 16 && callers[0] == callers[1], "one caller has one hash")
        #expect(callers[2] == nil)
        #expect(!service.child.errors.contains(id), "a line names the route, not the path")
    }

    @Test("At debug, each decision and each statement is named with its duration")
    func debugLines() async throws {
        let service = try await ServiceProcess.start(in: ScratchDirectory(), ["LOG_LEVEL": "debug"])
        _ = try await service.send(
            "POST", "/federations", #"{"name":"debugged"}"#, headers: ["X-Request-ID": "request-one"])
        _ = try await service.send("DELETE", "/fleets/absent", headers: ["X-Request-ID": "request-two"])
        try await service.stop()
        func decision(_ request: String) -> JSONObject? {
            service.log.first {
                $0["message"]?.stringValue == "decision" && $0["request_id"]?.stringValue == request
            }
        }
        #expect(decision("request-one")?["operation"]?.stringValue == "federation.create")
        #expect(decision("request-one")?["outcome"]?.stringValue == "decided")
        #expect(decision("request-two")?["outcome"]?.stringValue == "fleet_not_found")
        let statements = service.log.filter { $0["statements"] != nil }
        #expect(statements.contains { $0["statements"]?.stringValue?.contains("events.insert") == true })
        #expect(statements.allSatisfy { $0["duration_ms"] != nil })
    }

    @Test("A request that takes longer than SLOW_REQUEST_MS is a warning")
    func slowRequest() async throws {
        let service = try await ServiceProcess.start(in: ScratchDirectory(), ["SLOW_REQUEST_MS": "1"])
        // A commit waits for the disk, which takes most disks more than a millisecond now and then.
        _ = try await eventually("a slow request") {
            _ = try await service.create(UUID().uuidString)
            return service.log.contains { $0["message"]?.stringValue == "slow request" } ? true : nil
        }
        for line in service.log where line["message"]?.stringValue == "slow request" {
            #expect(line["level"]?.stringValue == "warning")
            #expect((line["duration_ms"]?.doubleValue ?? 0) > 1)
        }
        for line in service.log where line["message"]?.stringValue == "request" {
            #expect(line["level"]?.stringValue == "info")
            #expect((line["duration_ms"]?.doubleValue ?? 2) <= 1)
        }
    }

    @Test(
        "Nothing that is written anywhere holds a key, a token, a body, a query or an Authorization value",
        arguments: ["info", "debug", "trace"])
    func noSecrets(level: String) async throws {
        let metricsPort = ServiceProcess.sparePort()
        let directory = try ScratchDirectory()
        let service = try await ServiceProcess.start(
            in: directory,
            ["ADMIN_API_KEY": Self.key, "LOG_LEVEL": level, "METRICS_PORT": "\(metricsPort)", "SLOW_REQUEST_MS": "1"])
        let secrets = try await useSecrets(service)
        let metrics = try await service.send("GET", "//metrics", key: .some(nil), port: metricsPort).text
        let guarded = try await service.send("GET", "//metrics").text
        try await service.stop()
        let rebuilt = try await ServiceProcess.run(in: directory, ["LOG_LEVEL": level], ["events", "rebuild"])
        let everything = service.transcript + metrics + guarded + rebuilt.output + rebuilt.errors
        #expect(service.log.count > secrets.count, "the requests were logged at all")
        for secret in secrets { #expect(!everything.contains(secret), "\(secret) is in what was written") }
    }

    /// Sends what must stay unsaid, in good requests and in bad ones; answers with all of it.
    private func useSecrets(_ service: ServiceProcess) async throws -> [String] {
        let made = try await service.send(
            "POST", "/api-keys", #"{"name":"secretname","roles":["auditor"]}"#)
        let apiKey = try #require(made["key"]?.stringValue)
        #expect(try await service.send("GET", "/whoami", key: apiKey).status == 200)
        #expect(try await service.send("POST", "/federations", #"{"name":"secretbody1"}"#).status == 201)
        #expect(try await service.send("POST", "/federations", #"{"secretbody2":"secretbody3"}"#).status == 422)
        #expect(try await service.send("POST", "/federations", #"{"secretbody4":"#).status == 400)
        #expect(try await service.send("GET", "/federations?q=secretquery").status == 200)
        #expect(try await service.send("GET", "/federations?secretparameter=1").status == 400)
        #expect(try await service.send("GET", "/secretpath").status == 404)
        let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJzZWNyZXQifQ.c2VjcmV0c2lnbmF0dXJl"
        for denied in ["secretkey", token, "fleetkey_" + String(repeating: "s", count: 66)] {
            #expect(try await service.send("GET", "/whoami", key: denied).status == 401)
            #expect(
                try await service.send("GET", "/whoami", key: .some(nil), headers: ["X-API-Key": denied]).status == 401)
        }
        let basic = "Basic c2VjcmV0OnNlY3JldA=="
        #expect(
            try await service.send("GET", "/whoami", key: .some(nil), headers: ["Authorization": basic]).status == 401)
        let key = "secret-idempotency-key"
        #expect(try await service.create("secretbody5", idempotencyKey: key).status == 201)
        return [
            Self.key, apiKey, String(apiKey.suffix(43)), "secretname", "secretbody", "secretquery", "secretparameter",
            "secretpath", "secretkey", token, "c2VjcmV0", "fleetkey_sss", key,
        ]
    }
}
