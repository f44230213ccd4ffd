import FleetJSON
import Foundation
import Testing

@Suite("The service with a Redis", .enabled(if: ChildProcess.isRedisInstalled, "redis-tools is not installed"))
struct RedisTests {
    private static let password = "swordfish-of-the-redis"

    private static func health(_ service: ServiceProcess) async throws -> (status: String, redis: JSONObject) {
        let reply = try await service.send("GET", "//health")
        #expect(reply.status == 200)
        return (
            reply["status"]?.stringValue ?? "",
            reply["checks"]?.objectValue?["redis"]?.objectValue ?? JSONObject()
        )
    }

    @Test("serves with it and without it, and says which in /health and in the log")
    func health() async throws {
        let (directory, port) = (try ScratchDirectory(), ServiceProcess.sparePort())
        var redis = try ChildProcess.redis(in: directory, port: port, password: Self.password)
        let file = try directory.write(Self.password + "\n", to: "password")
        let service = try await ServiceProcess.start(
            in: directory, ["REDIS_ADDR": "127.0.0.1:\(port)", "REDIS_PASSWORD_FILE": file])
        func become(_ status: String) async throws {
            _ = try await eventually("\(status): \(service.child.errors)") {
                try await Self.health(service).status == status ? true : nil
            }
        }
        try await become("healthy")
        redis.send(SIGKILL)
        try await redis.exit()
        try await become("degraded")
        let reason = try await Self.health(service).redis["reason"]?.stringValue
        #expect(reason == "no server can be used: 127.0.0.1:\(port) cannot be connected to")
        #expect(try await service.create("without").status == 201)
        redis = try ChildProcess.redis(in: directory, port: port, password: Self.password)
        try await become("healthy")
        let said = service.log.compactMap { $0["message"]?.stringValue }
        #expect(said.contains("a dependency cannot be used") && said.contains("a dependency is back"))
        withExtendedLifetime(redis) {}
    }

    @Test("says why it is refused, and never the password")
    func refused() async throws {
        let (directory, port) = (try ScratchDirectory(), ServiceProcess.sparePort())
        let redis = try ChildProcess.redis(in: directory, port: port, password: Self.password)
        let wrong = "sesame-of-nobody"
        let service = try await ServiceProcess.start(
            in: directory, ["REDIS_ADDR": "127.0.0.1:\(port)", "REDIS_PASSWORD": wrong, "LOG_LEVEL": "trace"])
        let reason = "the server refuses REDIS_USERNAME or REDIS_PASSWORD"
        _ = try await eventually("the reason: \(service.child.errors)") {
            service.log.contains { $0["reason"]?.stringValue == reason } ? true : nil
        }
        let health = try await Self.health(service)
        #expect(health.status == "degraded" && health.redis["reason"]?.stringValue == reason)
        #expect(!(service.child.errors + service.child.output).contains(wrong))
        withExtendedLifetime(redis) {}
    }
}
