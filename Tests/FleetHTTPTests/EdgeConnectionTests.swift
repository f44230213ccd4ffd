import FleetJSON
import Logging
import NIOCore
import Testing

@testable import FleetHTTP

/// Deadlines, order and the end of connections.
@Suite(.timeLimit(.minutes(2)))
struct EdgeConnectionTests {
    /// Long enough for a busy machine to send a first request in.
    private static let short = Duration.milliseconds(800)
    /// The lateness that is allowed.
    private static let latest = short + .seconds(2)

    private func limits(_ change: (inout EdgeLimits) -> Void) -> EdgeLimits {
        var limits = EdgeLimits()
        change(&limits)
        return limits
    }

    /// Expects `body` to end between the deadline and 2 s after it.
    private func expectOnTime(
        _ deadline: Duration = Self.short, _ body: () async throws -> Void
    ) async throws {
        let elapsed = try await ContinuousClock().measure(body)
        #expect(elapsed >= deadline - .milliseconds(50))
        #expect(elapsed <= deadline + Self.latest - Self.short)
    }

    @Test(
        "A head that is not complete in time is answered 408",
        arguments: ["", "GET /hello HT", "GET / HTTP/1.1\r\nHost: a\r\n"])
    func slowHead(sent: String) async throws {
        try await EdgeTestServer.run(limits: limits { $0.headDuration = Self.short }) { server async throws in
            try await expectOnTime {
                try await EdgeWire.open(server.port) { wire async throws in
                    if !sent.isEmpty { try await wire.send(sent) }
                    #expect(try await wire.response().code == "request_timeout")
                    try await wire.expectEnd()
                }
            }
        }
    }

    @Test("The head of a next request has its own deadline, from its first byte")
    func slowNextHead() async throws {
        // Long enough for the first head, however busy the machine is.
        let deadline = Self.short * 5
        try await EdgeTestServer.run(limits: limits { $0.headDuration = deadline }) { server async throws in
            try await EdgeWire.open(server.port) { wire async throws in
                try await wire.request("GET /hello")
                #expect(try await wire.response().status == 200)
                try await expectOnTime(deadline) {
                    try await wire.send("G")
                    let response = try await wire.response()
                    #expect(response.status == 408)
                    try await wire.expectEnd()
                }
            }
        }
    }

    @Test("A body that is not complete in time is answered 408, also when bytes keep coming")
    func slowBody() async throws {
        try await EdgeTestServer.run(limits: limits { $0.bodyDuration = Self.short }) { server async throws in
            try await expectOnTime {
                try await EdgeWire.open(server.port) { wire async throws in
                    try await wire.request("POST /things", ["Content-Type: application/json", "Content-Length: 100"])
                    let outbound = wire.outbound
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            while !Task.isCancelled {
                                try await outbound.write(ByteBuffer(string: " "))
                                try await Task.sleep(for: .milliseconds(20))
                            }
                        }
                        defer { group.cancelAll() }
                        let response = try await wire.response()
                        #expect(response.status == 408)
                        #expect(response.code == "request_timeout")
                        try await wire.expectEnd()
                    }
                    // The handler that read the body was told the same.
                    while server.log.lines.isEmpty { await Task.yield() }
                    #expect(server.log.lines.map { $0.metadata["code"] } == ["request_timeout"])
                }
            }
        }
    }

    @Test("An idle connection is closed without a word")
    func idle() async throws {
        try await EdgeTestServer.run(limits: limits { $0.idleDuration = Self.short }) { server async throws in
            try await expectOnTime {
                try await EdgeWire.open(server.port) { wire async throws in
                    try await wire.request("GET /hello")
                    #expect(try await wire.response().status == 200)
                    try await wire.expectEnd()
                }
            }
        }
    }

    @Test("A handler that is not done in time is answered for, and cancelled")
    func slowHandler() async throws {
        try await EdgeTestServer.run(limits: limits { $0.handlerDuration = Self.short }) { server async throws in
            try await expectOnTime {
                try await EdgeWire.open(server.port) { wire async throws in
                    try await wire.request("GET /gate")
                    let response = try await wire.response()
                    #expect(response.status == 503)
                    #expect(response.code == "deadline_exceeded")
                    #expect(response.headers["retry-after"] == "1")
                    try await wire.expectEnd()
                }
            }
            // The handler has returned: it was cancelled.
            while server.log.lines.isEmpty { await Task.yield() }
            #expect(server.log.lines.first?.metadata["code"] == "deadline_exceeded")
            #expect(server.log.lines.first?.level == .error)
        }
    }

    @Test("A reader that takes nothing for too long is disconnected")
    func stalledReader() async throws {
        try await EdgeTestServer.run(limits: limits { $0.stallDuration = Self.short }) { server async throws in
            try await EdgeWire.open(server.port) { wire async throws in
                try await wire.request("GET /endless")
                while server.log.counts["endless ended"] == nil { await Task.yield() }
            }
        }
    }

    @Test("Pipelined requests are answered one after the other, in order")
    func pipelining() async throws {
        try await EdgeTestServer.run { server async throws in
            try await EdgeWire.open(server.port) { wire async throws in
                let first = "GET /gate HTTP/1.1\r\nHost: a\r\n\r\n"
                let second =
                    "POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n[1]"
                try await wire.send(first + second + "GET /things/3 HTTP/1.1\r\nHost: a\r\n\r\nGARBAGE\r\n\r\n")
                server.gate.open()
                #expect(try await wire.response().body == "opened")
                #expect(try await wire.response().body == "[1]")
                #expect(try await wire.response().body == "3")
                #expect(try await wire.response().code == "malformed_request")
                try await wire.expectEnd()
            }
        }
    }

    @Test("A hundred pipelined requests are all answered")
    func deepPipelining() async throws {
        try await EdgeTestServer.run { server async throws in
            try await EdgeWire.open(server.port) { wire async throws in
                try await wire.send((0..<100).map { "GET /things/\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
                for index in 0..<100 { #expect(try await wire.response().body == "\(index)") }
                // Reading, which paused while requests were held back, goes on.
                try await wire.request("GET /hello")
                #expect(try await wire.response().body == "hello")
            }
        }
    }

    @Test("A client that closes its side is still answered")
    func halfClose() async throws {
        try await EdgeTestServer.run { server async throws in
            try await EdgeWire.open(server.port) { wire async throws in
                try await wire.send(
                    "GET /things/1 HTTP/1.1\r\nHost: a\r\n\r\nGET /things/2 HTTP/1.1\r\nHost: a\r\n\r\n")
                wire.closeOutput()
                #expect(try await wire.response().body == "1")
                #expect(try await wire.response().body == "2")
                try await wire.expectEnd()
            }
        }
    }

    @Test("An answer that comes before the body leaves the connection usable")
    func earlyAnswer() async throws {
        try await EdgeTestServer.run { server async throws in
            try await EdgeWire.open(server.port) { wire async throws in
                try await wire.request("POST /unread", ["Content-Length: 4"])
                #expect(try await wire.response().status == 401)
                try await wire.send("body")
                try await wire.request("GET /hello")
                #expect(try await wire.response().status == 200)
            }
        }
    }

    @Test("A server that stops does not wait for the body of a request that is answered")
    func quiescingEarlyAnswer() async throws {
        try await EdgeTestServer.run { server async throws in
            try await EdgeWire.open(server.port) { wire async throws in
                try await wire.request("POST /unread", ["Content-Length: 4"])
                #expect(try await wire.response().status == 401)
                let elapsed = try await ContinuousClock().measure {
                    await server.stop()
                    try await wire.expectEnd()
                }
                // The deadline of the body is 30 s.
                #expect(elapsed < .seconds(10))
            }
        }
    }

    @Test("A server that stops finishes what runs and closes what is idle")
    func quiescing() async throws {
        try await EdgeTestServer.run { server async throws in
            try await EdgeWire.open(server.port) { idle in
                try await idle.request("GET /hello")
                #expect(try await idle.response().status == 200)
                try await EdgeWire.open(server.port) { running in
                    try await running.request("GET /hello")
                    #expect(try await running.response().status == 200)
                    try await running.request("GET /gate")
                    while server.gate.isUntouched { await Task.yield() }
                    await server.stop()
                    try await idle.expectEnd()
                    server.gate.open()
                    let response = try await running.response()
                    #expect(response.body == "opened")
                    #expect(response.headers["connection"] == "close")
                    try await running.expectEnd()
                }
            }
        }
    }
}
