import Foundation
import Testing

@Suite("Stopping")
struct StopTests {
    /// Far below the 60 s after which an idle connection would end by itself.
    private static let bound = Duration.seconds(10)

    @Test("A request that was accepted before SIGTERM is finished, and survives the restart")
    func acceptedRequest() async throws {
        let directory = try ScratchDirectory()
        let service = try await ServiceProcess.start(in: directory)
        let body = #"{"name":"accepted"}"#
        let connection = try RawConnection(port: service.port)
        try connection.send(
            "POST \(ServiceProcess.base)/federations HTTP/1.1\r\nHost: localhost\r\nX-API-Key: \(service.adminKey)\r\n"
                + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
                + "Expect: 100-continue\r\n\r\n")
        #expect(connection.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 100 "))
        service.child.send(SIGTERM)
        // Only once it no longer takes connections is it known to have heard the signal.
        _ = try await eventually("the service to stop listening", within: Self.bound) {
            (try? RawConnection(port: service.port)) == nil ? true : nil
        }
        try connection.send(body)
        #expect(connection.receiveToEnd().hasPrefix("HTTP/1.1 201 "))
        #expect(try await service.child.exit(within: Self.bound) == .exited(0))

        let later = try await ServiceProcess.start(in: directory)
        #expect(try await later.federationNames() == ["accepted"])
    }

    @Test("Connections that are only kept alive do not hold it", arguments: [SIGTERM, SIGINT])
    func keptAlive(signal: Int32) async throws {
        let service = try await ServiceProcess.start(in: ScratchDirectory())
        let connections = try (0..<5).map { _ in try RawConnection(port: service.port) }
        for connection in connections {
            try connection.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(connection.receive(until: "}").hasPrefix("HTTP/1.1 200 "))
        }
        let start = ContinuousClock.now
        service.child.send(signal)
        #expect(try await service.child.exit(within: Self.bound) == .exited(0))
        #expect(ContinuousClock.now - start < Self.bound)
        withExtendedLifetime(connections) {}
    }

    @Test("Who waits for an inbox does not hold it, and is answered")
    func longPoll() async throws {
        let service = try await ServiceProcess.start(in: ScratchDirectory())
        let fleet = #"{"fleet_id":"north","name":"North","organization":"o"}"#
        #expect(try await service.send("POST", "/fleets", fleet).status == 201)
        let connection = try RawConnection(port: service.port)
        let head = "Host: localhost\r\nX-API-Key: \(service.adminKey)\r\n\r\n"
        // Sent at once, so that the second has been read when the first is answered.
        try connection.send(
            "GET \(ServiceProcess.base)/whoami HTTP/1.1\r\n\(head)"
                + "GET \(ServiceProcess.base)/fleets/north/inbox?wait_seconds=25 HTTP/1.1\r\n\(head)")
        #expect(connection.receive(until: "}").hasPrefix("HTTP/1.1 200 "))
        let start = ContinuousClock.now
        service.child.send(SIGTERM)
        #expect(try await service.child.exit(within: Self.bound) == .exited(0))
        #expect(ContinuousClock.now - start < Self.bound)
        #expect(connection.receiveToEnd().hasPrefix("HTTP/1.1 200 "))
    }

    @Test("Under load every request is answered or refused, and a restart finds what was answered")
    func underLoad() async throws {
        let directory = try ScratchDirectory()
        let service = try await ServiceProcess.start(in: directory)
        let created = await withTaskGroup(of: [String].self) { group in
            for client in 0..<4 {
                group.addTask {
                    var created: [String] = []
                    while true {
                        let name = "\(client)-\(created.count)"
                        guard let reply = try? await service.create(name), reply.status == 201 else { return created }
                        created.append(name)
                        if created.count == 10 { service.child.send(SIGTERM) }
                    }
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(try await service.child.exit(within: Self.bound) == .exited(0))
        let later = try await ServiceProcess.start(in: directory)
        #expect(Set(created).subtracting(try await later.federationNames()) == [])
        #expect(created.count >= 10)
    }
}
