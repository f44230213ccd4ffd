import FleetService
import Foundation
import RedisBackend
import Testing

/// A certificate authority, and a server's certificate for `localhost` and 127.0.0.1.
private struct Certificates {
    let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "tls-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (name, subject, more) in [
            ("ca", "/CN=test authority", ["-addext", "basicConstraints=critical,CA:TRUE"]),
            ("other", "/CN=another authority", []),
            (
                "server", "/CN=localhost",
                [
                    "-CA", folder + "/ca.crt", "-CAkey", folder + "/ca.key",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                ]
            ),
            ("stranger", "/CN=elsewhere", ["-CA", folder + "/ca.crt", "-CAkey", folder + "/ca.key"]),
        ] {
            let said = Child.output(
                "openssl",
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", subject, "-keyout", "\(folder)/\(name).key", "-out", "\(folder)/\(name).crt",
                ] + more)
            try #require(FileManager.default.fileExists(atPath: "\(folder)/\(name).crt"), "\(said)")
        }
    }

    func configuration(_ name: String, port: Int) -> String {
        """
        port 0
        tls-port \(port)
        tls-cert-file \(folder)/\(name).crt
        tls-key-file \(folder)/\(name).key
        tls-ca-cert-file \(folder)/ca.crt
        tls-auth-clients no
        """
    }

    func tls(_ name: String) throws -> RedisOptions.TLS { try RedisOptions.TLS(authorities: "\(folder)/\(name).crt") }

    func remove() { try? FileManager.default.removeItem(atPath: folder) }
}

@Suite("A Redis that is used", .enabled(if: RedisServer.isInstalled, "redis-tools is not installed"))
struct RedisAccessTests {
    /// The user of docs/redis.md.
    private static func documentedUser() throws -> String {
        let checkout = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let document = try String(contentsOf: checkout.appending(path: "docs/redis.md"), encoding: .utf8)
        let line = try #require(document.split(separator: "\n").first { $0.hasPrefix("ACL SETUSER fleet ") })
        let user = String(line).replacing("ACL SETUSER", with: "user").replacing("PASSWORD", with: "swordfish")
        return RedisServer.knowsChannels ? user : user.replacing("resetchannels &fleet:* ", with: "")
    }

    private static func reason(_ server: RedisServer, _ change: (inout RedisOptions) -> Void = { _ in }) async throws
        -> String?
    {
        var options = RedisOptions.of(server)
        change(&options)
        return try await RedisCache.run(options, isUsable: false) { cache in
            var reason: String?
            try await eventually("an outcome") {
                reason = await cache.reason
                return reason != "\(RedisError.closed)"
            }
            return reason
        }
    }

    @Test("lets in a user who may do nothing but what is needed, on a database of its own")
    func leastUser() async throws {
        let server = try RedisServer("user default off\n\(try Self.documentedUser())")
        try await server.start()
        var options = RedisOptions.of(server)
        options.username = "fleet"
        options.password = RedisOptions.Password("swordfish")
        options.database = 3
        try await RedisCache.run(options) { cache in
            cache.keep(CachedValue(1, "one"), as: "a", for: .seconds(60), replaces: false)
            #expect(await cache.value("a")?.text == "one")
            #expect(await cache.count("limit", adding: 2, window: .seconds(60)).count == 2)
        }
    }

    @Test("says in one sentence why it cannot be used, and never tells the password")
    func reasons() async throws {
        let server = try RedisServer("requirepass swordfish\nuser poor on >swordfish ~fleet:* +@all -eval -evalsha")
        try await server.start()
        let wrong = try await Self.reason(server) { $0.password = RedisOptions.Password("sesame-secret") }
        #expect(wrong == "the server refuses REDIS_USERNAME or REDIS_PASSWORD")
        #expect(try await Self.reason(server) == "the server asks for a password; set REDIS_PASSWORD")
        #expect(try await Self.reason(server) { $0.password = RedisOptions.Password("swordfish") } == nil)
        let poor = try await Self.reason(server) {
            $0.username = "poor"
            $0.password = RedisOptions.Password("swordfish")
        }
        // In the words of the server, which differ from version to version.
        #expect(poor?.hasPrefix("the user lacks a permission: ") == true && poor?.contains("'evalsha'") == true)
        let elsewhere = try await Self.reason(server) {
            $0.username = "poor"
            $0.password = RedisOptions.Password("swordfish")
            $0.prefix = "other:"
        }
        #expect(elsewhere?.hasPrefix("the user lacks a permission: ") == true && elsewhere?.contains("key") == true)
        let nothing = try await Self.reason(server) {
            $0.addresses = [ServerAddress(host: "127.0.0.1", port: 1)]
        }
        #expect(nothing == "no server can be used: 127.0.0.1:1 cannot be connected to")
        let several = try await Self.reason(server) {
            $0.addresses = [ServerAddress(host: "127.0.0.1", port: 1), server.address]
        }
        #expect(
            several == """
                no server can be used: 127.0.0.1:1: no server can be used: 127.0.0.1:1 cannot be connected to; \
                \(server.address): the server asks for a password; set REDIS_PASSWORD
                """)
        #expect("\(RedisOptions.Password("swordfish"))" == "<password>")
        var options = RedisOptions.of(server)
        options.password = RedisOptions.Password("swordfish")
        var dumped = ""
        dump(options, to: &dumped)
        #expect(!dumped.contains("swordfish") && !"\(options)".contains("swordfish"))
    }

    @Test(
        "refuses what is no master of its own",
        arguments: [
            ("rename-command HELLO \"\"", "the server is older than Redis 6; Redis 6 or newer is needed"),
            ("replicaof 127.0.0.1 1", "the server is a replica"),
            (
                "cluster-enabled yes",
                "the server is a node of a cluster; a single master, or Sentinels, are needed"
            ),
        ])
    func others(configuration: String, reason: String) async throws {
        let server = try RedisServer(configuration)
        try await server.start()
        #expect(try await Self.reason(server) == reason)
    }

    @Test("takes the first of several that answers and is a master")
    func severalAddresses() async throws {
        let master = try RedisServer()
        let replica = try RedisServer("replicaof 127.0.0.1 \(master.port)")
        try await master.start()
        try await replica.start()
        var options = RedisOptions.of(master)
        options.addresses = [ServerAddress(host: "127.0.0.1", port: 1), replica.address, master.address]
        try await RedisCache.run(options) { cache in
            cache.keep(CachedValue(1, "one"), as: "a", for: .seconds(60), replaces: false)
            #expect(await cache.value("a")?.text == "one")
            #expect(master.command("exists", "fleet:a") == "1")
        }
    }

    @Test("is believed over TLS only by a certificate of the authority, for the name that was dialled")
    func tls() async throws {
        let certificates = try Certificates()
        defer { certificates.remove() }
        for (name, host, authority, isTrusted) in [
            ("server", "localhost", "ca", true), ("server", "127.0.0.1", "ca", true),
            ("server", "localhost", "other", false), ("stranger", "localhost", "ca", false),
            ("stranger", "127.0.0.1", "ca", false),
        ] {
            let plain = try RedisServer()
            let server = try RedisServer(certificates.configuration(name, port: plain.port))
            try await server.start()
            let reason = try await Self.reason(server) {
                $0.addresses = [ServerAddress(host: host, port: plain.port)]
                $0.tls = try? certificates.tls(authority)
            }
            #expect((reason == nil) == isTrusted, "\(name) as \(host) by \(authority): \(reason ?? "")")
            if !isTrusted { #expect(reason?.contains("TLS failed") == true, "\(reason ?? "")") }
        }
        #expect(throws: (any Error).self) { try certificates.tls("nothing") }
    }
}
