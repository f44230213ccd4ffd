import FleetStore
import Foundation
import PostgresBackend
import Synchronization
import Testing

/// How often a server that is not there is tried. Needs none.
@Suite("Retries of PostgreSQL", .timeLimit(.minutes(1)))
struct RetryTests {
    private func open(_ server: Hangup, reserve: Double, perSecond: Double = 0) async throws -> Duration {
        var limits = RetryBudget.Limits(reserve: reserve)
        (limits.perCall, limits.perSecond) = (0, perSecond)
        let configuration = try PostgresConfiguration(
            url: "postgres://nobody@127.0.0.1:\(server.port)/none?sslmode=disable&gssencmode=disable", readers: 4,
            retries: RetryBudget(limits))
        let begin = ContinuousClock.now
        let error = await #expect(throws: StoreError.self) { _ = try await PostgresDatabase.open(configuration) }
        guard case .unavailable = error else {
            Issue.record("\(error as Any)")
            return .zero
        }
        return ContinuousClock.now - begin
    }

    @Test("A connection is tried for two seconds, or as often as the budget of retries says", arguments: [1, 3, 1000])
    func budget(reserve: Int) async throws {
        let server = try Hangup()
        let took = try await open(server, reserve: Double(reserve))
        if reserve < 1000 {
            #expect(server.accepted == 1 + reserve && took < .seconds(1))
        } else {
            // Twenty or so.
            #expect((8...60).contains(server.accepted) && took >= .seconds(2), "\(server.accepted) in \(took)")
        }
        server.close()
    }

    /// Ends each connection as soon as it is there, and counts them.
    private final class Hangup: Sendable {
        struct Failed: Error {}

        let port: Int
        private let descriptor: Int32
        private let count = Atomic(0)

        var accepted: Int { count.load(ordering: .acquiring) }

        init() throws {
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let (descriptor, size) = (descriptor, length)
            let isOpen = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    bind(descriptor, pointer, size) == 0 && listen(descriptor, 64) == 0
                        && getsockname(descriptor, pointer, &length) == 0
                }
            }
            guard isOpen else { throw Failed() }
            port = Int(UInt16(bigEndian: address.sin_port))
            Thread.detachNewThread { [self] in
                while true {
                    let connection = accept(descriptor, nil, nil)
                    guard connection >= 0 else { return }
                    // Before it is ended: who sees the end finds it counted.
                    count.add(1, ordering: .releasing)
                    Foundation.close(connection)
                }
            }
        }

        func close() { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }
}
