import ClickHouseBackend
import FleetService
import FleetTestSupport
import Foundation
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// What needs no ClickHouse, but something that answers as one might.
@Suite("What is sent to ClickHouse", .timeLimit(.minutes(2)))
struct ClickHouseRequestTests {
    @Test("a server that is too old is told so, and the password is in a header, never in a URL")
    func tooOld() async throws {
        try await CannedServer.run("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n18.16.1\n") { server in
            var settings = ClickHouseSettings(addresses: [try server.address])
            (settings.username, settings.password) = ("somebody", "se cret")
            let clickHouse = ClickHouse(settings)
            let reason = await ClickHouseTests.ReadinessTests.reason { try await clickHouse.check() }
            await clickHouse.close()
            #expect(reason == "it is version 18.16.1, and 22 or newer is needed")
            let head = server.received
            #expect(head.contains("X-ClickHouse-Key: se cret\r\n") && head.contains("X-ClickHouse-User: somebody\r\n"))
            let line = head.prefix { $0 != "\r\n" }
            #expect(line == "POST /?database=default HTTP/1.1", "\(line)")
        }
    }

    @Test(
        "a batch is put together by the server, and carries its token as the server's version takes it",
        arguments: [("22.8.5.29", false), ("22.12.1.1", true), ("26.9.2.1", true)])
    func tokens(version: String, takesTokens: Bool) async throws {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: \(version.utf8.count + 1)\r\n\r\n\(version)\n"
        try await CannedServer.run(answer) { server in
            let clickHouse = ClickHouse(ClickHouseSettings(addresses: [try server.address]))
            let batch = AnalyticsBatch(events: LedgerScenario(seed: 1).log, allocations: [])
            let reason = await ClickHouseTests.ReadinessTests.reason {
                try await clickHouse.check()
                try await clickHouse.insert(batch)
            }
            await clickHouse.close()
            #expect(reason == nil)
            let lines = server.received.split(separator: "\r\n").filter { $0.contains("INSERT%20INTO%20events") }
            #expect(!lines.isEmpty)
            for line in lines {
                #expect(line.contains("&async_insert=1&wait_for_async_insert=1&"))
                #expect(line.contains("&insert_deduplication_token=\(batch.token)&"))
                #expect(line.contains("&async_insert_deduplicate=1 ") == takesTokens)
            }
        }
    }

    @Test("what answers is no ClickHouse: it is not believed")
    func somethingElse() async throws {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
            "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        ] {
            try await CannedServer.run(answer) { server in
                let clickHouse = ClickHouse(ClickHouseSettings(addresses: [try server.address]))
                let reason = await ClickHouseTests.ReadinessTests.reason { try await clickHouse.check() }
                await clickHouse.close()
                #expect(reason != nil)
            }
        }
    }

    @Test("where one address does not answer, the next is asked")
    func nextAddress() async throws {
        try await CannedServer.run("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n26.9.2.1\n") { server in
            let dead = try #require(ClickHouseSettings.Address("127.0.0.1:9"))
            let clickHouse = ClickHouse(ClickHouseSettings(addresses: [dead, try server.address]))
            try await clickHouse.check()
            await clickHouse.close()
        }
    }

    @Test("where very many addresses do not answer, the budget of retries ends the search", arguments: [50, 200])
    func retriesAreBounded(count: Int) async throws {
        try await CannedServer.run("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n26.9.2.1\n") { server in
            let dead = try #require(ClickHouseSettings.Address("127.0.0.1:9"))
            let addresses = Array(repeating: dead, count: count) + [try server.address]
            let clickHouse = ClickHouse(ClickHouseSettings(addresses: addresses))
            let reason = await ClickHouseTests.ReadinessTests.reason { try await clickHouse.check() }
            await clickHouse.close()
            #expect((reason == nil) == (count == 50), "\(reason ?? "")")
        }
    }

    @Test(
        "an address is a host, with a port or not",
        arguments: [
            ("localhost", "localhost", 8123, false), ("10.0.0.1:9000", "10.0.0.1", 9000, false),
            ("https://ch.example", "ch.example", 8443, true), ("http://ch:1/", "ch", 1, false),
            ("[::1]:8123", "::1", 8123, false), ("https://[::1]", "::1", 8443, true),
        ])
    func address(text: String, host: String, port: Int, usesTLS: Bool) {
        let address = ClickHouseSettings.Address(text)
        #expect(address?.server == ServerAddress(host: host, port: port) && address?.usesTLS == usesTLS)
    }

    @Test(
        "anything else is none",
        arguments: [
            "", ":8123", "host:0", "host:99999", "user:password@host:1", "host/path", "ftp://host", "a b", "a:b:1",
        ])
    func noAddress(text: String) { #expect(ClickHouseSettings.Address(text) == nil) }
}

/// Gives every request the same answer, and remembers what it was sent.
final class CannedServer: Sendable {
    private let channel: any Channel
    private let text: Received

    fileprivate final class Received: Sendable { let text = Mutex("") }

    private init(_ channel: any Channel, _ text: Received) {
        self.channel = channel
        self.text = text
    }

    var received: String { text.text.withLock { $0 } }
    var address: ClickHouseSettings.Address {
        get throws { try #require(ClickHouseSettings.Address("127.0.0.1:\(channel.localAddress?.port ?? 0)")) }
    }

    static func run(_ answer: String, _ body: (CannedServer) async throws -> Void) async throws {
        let received = Received()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Answering(answer, received))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let server = CannedServer(channel, received)
        do {
            try await body(server)
        } catch {
            try await channel.close()
            throw error
        }
        try await channel.close()
    }

    private final class Answering: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let answer: String
        private let received: Received

        /// What came of one, as yet.
        private var request = ""

        init(_ answer: String, _ received: Received) {
            self.answer = answer
            self.received = received
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let text = String(buffer: unwrapInboundIn(data))
            received.text.withLock { $0 += text }
            request += text
            while let end = request.range(of: "\r\n\r\n")?.upperBound {
                let fields = request[..<end].lowercased().components(separatedBy: "\r\n")
                let length = fields.first { $0.hasPrefix("content-length: ") }.flatMap { Int($0.dropFirst(16)) } ?? 0
                guard request[end...].utf8.count >= length else { return }
                request = String(decoding: request[end...].utf8.dropFirst(length), as: UTF8.self)
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
            }
        }
    }
}
