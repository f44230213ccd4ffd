import FleetService
import FleetStore
import FleetTestSupport
import Synchronization
import Testing

@Suite("A remote database", .timeLimit(.minutes(1)))
struct RemoteDatabaseTests {
    /// A database whose circuit's time stands still until it is moved, and waits as long as it may.
    private struct Bench {
        let database: FaultyDatabase
        let remote: RemoteDatabase
        private let offset: Offset

        private final class Offset: Sendable { let value = Mutex(Duration.zero) }

        init() async throws {
            let (offset, start) = (Offset(), ContinuousClock.now)
            self.offset = offset
            database = try await RunningWriter.freshDatabase()
            remote = RemoteDatabase(
                database,
                breaker: CircuitBreaker(
                    limits: RemoteDatabase.limits, now: { start + offset.value.withLock { $0 } }, random: \.upperBound))
        }

        func advance(by duration: Duration) { offset.value.withLock { $0 += duration } }

        /// What a commit comes to.
        @discardableResult
        func commit() async -> StoreError? {
            do throws(StoreError) {
                try await remote.commit([.ping])
                return nil
            } catch {
                return error
            }
        }

        func fail(_ error: StoreError, times: Int) async {
            database.setFault { _ in error }
            for _ in 0..<times { #expect(await commit() == error) }
            database.setFault(nil)
        }
    }

    @Test("opens its circuit by what says that the server is not there, and by nothing that a server answers")
    func failures() async throws {
        for (error, counts) in [
            (StoreError.unavailable("gone"), true), (.outcomeUnknown("lost"), true), (.busy("slow"), false),
            (.conflict(constraint: "key"), false), (.full, false), (.superseded("other"), false),
            (.failed("wrong"), false), (.corrupt("odd"), false),
        ] {
            let bench = try await Bench()
            await bench.fail(error, times: 4)
            #expect(bench.remote.breaker.state == .closed)
            await bench.fail(error, times: 1)
            #expect(bench.remote.breaker.state == (counts ? .open : .closed), "\(error)")
            await bench.remote.close()
        }
    }

    @Test("forgets failures when a server answers in between, also with a refusal")
    func inARow() async throws {
        let bench = try await Bench()
        for error in [nil, StoreError.full, .conflict(constraint: "key"), nil] {
            await bench.fail(.unavailable("gone"), times: 4)
            if let error { await bench.fail(error, times: 1) } else { #expect(await bench.commit() == nil) }
        }
        #expect(bench.remote.breaker.state == .closed)
        await bench.remote.close()
    }

    @Test("learns nothing from what was too busy: it may have been our own connections that the server holds up")
    func busy() async throws {
        let bench = try await Bench()
        await bench.fail(.unavailable("gone"), times: 4)
        await bench.fail(.busy("no connection was free in time"), times: 3)
        #expect(bench.remote.breaker.state == .closed)
        bench.database.closeGate()
        let late = Task { await bench.commit() }
        try await eventually("a call that waits") { bench.database.waitingCommits == 1 }
        bench.database.setReadFault(.unavailable("gone"))
        await #expect(throws: StoreError.self) { try await bench.remote.find(.ping) }
        #expect(bench.remote.breaker.state == .open)
        bench.database.setFault { _ in .busy("no connection was free in time") }
        bench.database.openGate()
        #expect(await late.value == .busy("no connection was free in time"))
        #expect(bench.remote.breaker.state == .open)
        await bench.remote.close()
    }

    @Test("refuses everything at once while its circuit is open, with the reason of the last failure, and asks nothing")
    func open() async throws {
        let bench = try await Bench()
        await bench.fail(.unavailable("gone"), times: 5)
        bench.database.setFault { _ in
            Issue.record("was asked")
            return nil
        }
        bench.database.setReadFault(.failed("was asked"))
        let refusal = StoreError.unavailable("gone")
        #expect(await bench.commit() == refusal)
        await #expect(throws: refusal) { try await bench.remote.read([.ping]) }
        await #expect(throws: refusal) { try await bench.remote.find(.ping) }
        await #expect { try await bench.remote.check() } throws: { "\($0)" == "gone" }
        await bench.remote.close()
    }

    @Test("asks a ping first when its wait is over: what that comes to closes the circuit, or opens it for longer")
    func halfOpen() async throws {
        let bench = try await Bench()
        await bench.fail(.unavailable("gone"), times: 5)
        bench.database.setReadFault(.unavailable("still gone"))
        bench.database.setFault { _ in
            Issue.record("was asked before a ping was answered")
            return nil
        }
        for wait in [100, 200, 400, 500, 500] {
            bench.advance(by: .milliseconds(wait - 1))
            #expect(bench.remote.breaker.state == .open, "after \(wait - 1) ms")
            bench.advance(by: .milliseconds(1))
            #expect(await bench.commit() == .unavailable("still gone"))
        }
        bench.advance(by: .milliseconds(500))
        bench.database.setReadFault(nil)
        bench.database.setFault(nil)
        #expect(await bench.commit() == nil)
        #expect(bench.remote.breaker.state == .closed)
        await bench.remote.close()
    }

    @Test("lets all through once a ping was answered, however long the call takes that sent it")
    func longCall() async throws {
        let bench = try await Bench()
        await bench.fail(.unavailable("gone"), times: 5)
        bench.advance(by: .seconds(1))
        bench.database.closeGate()
        let long = Task { await bench.commit() }
        try await eventually("the long call is under way") { bench.database.waitingCommits == 1 }
        _ = try await bench.remote.find(.ping)
        bench.database.openGate()
        #expect(await long.value == nil)
        await bench.remote.close()
    }
}
