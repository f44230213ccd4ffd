import FleetService
import FleetStore
import FleetTestSupport
import Logging
import Synchronization
import Testing

@Suite("A circuit breaker")
struct CircuitBreakerTests {
    private struct Down: Error {}

    /// A breaker whose time stands still until it is moved, and whose waits are as long as they may be.
    private final class Bench: Sendable {
        private let offset = Mutex(Duration.zero)
        private let start = ContinuousClock.now

        func advance(by duration: Duration) { offset.withLock { $0 += duration } }

        private func now() -> ContinuousClock.Instant { start + offset.withLock { $0 } }

        func breaker(random: @escaping @Sendable (ClosedRange<Double>) -> Double = \.upperBound) -> CircuitBreaker {
            CircuitBreaker(
                now: now, random: random, retries: RetryBudget(RetryBudget.Limits(reserve: 100), now: now))
        }
    }

    private func fail(_ breaker: CircuitBreaker, times: Int = 1) async {
        for _ in 0..<times { try? await breaker.run { throw Down() } }
    }

    @Test("lets every call through while fewer fail in a row than open it")
    func staysClosed() async throws {
        let breaker = Bench().breaker()
        for _ in 0..<5 {
            await fail(breaker, times: 2)
            #expect(try await breaker.run { 7 } == 7)
        }
        #expect(breaker.state == .closed)
    }

    @Test("refuses at once when three failed in a row, without calling")
    func opens() async throws {
        let breaker = Bench().breaker()
        await fail(breaker, times: 3)
        #expect(breaker.state == .open)
        await #expect(throws: CircuitBreaker.Open.self) { try await breaker.run { Issue.record("was called") } }
    }

    @Test("lets one call through after its wait, and closes when it succeeds")
    func closes() async throws {
        let bench = Bench()
        let breaker = bench.breaker()
        await fail(breaker, times: 3)
        bench.advance(by: .milliseconds(499))
        #expect(breaker.state == .open)
        bench.advance(by: .milliseconds(1))
        #expect(breaker.state == .halfOpen)
        _ = try await breaker.run {
            // While the first is asked, nobody else is.
            await #expect(throws: CircuitBreaker.Open.self) { try await breaker.run {} }
        }
        #expect(breaker.state == .closed)
    }

    @Test("waits twice as long after each probe that fails, up to two seconds")
    func waitsLonger() async {
        let bench = Bench()
        let breaker = bench.breaker()
        await fail(breaker, times: 3)
        for wait in [500, 1000, 2000, 2000, 2000] {
            bench.advance(by: .milliseconds(wait - 1))
            #expect(breaker.state == .open, "after \(wait - 1) ms")
            bench.advance(by: .milliseconds(1))
            #expect(breaker.state == .halfOpen, "after \(wait) ms")
            await fail(breaker)
        }
    }

    @Test("lets calls retry as far as its budget goes, which calls that are refused do not fill")
    func retries() async {
        let bench = Bench()
        let breaker = bench.breaker()
        #expect((0..<200).count { _ in breaker.mayRetry() } == 100)
        await fail(breaker, times: 20)
        #expect(!breaker.mayRetry())
        bench.advance(by: .milliseconds(100))
        #expect(breaker.mayRetry() && !breaker.mayRetry())
    }

    @Test("draws its wait at random below the longest")
    func jitters() async {
        let bench = Bench()
        let breaker = bench.breaker { _ in 0.5 }
        await fail(breaker, times: 3)
        bench.advance(by: .milliseconds(250))
        #expect(breaker.state == .halfOpen)
    }

    @Test("learns nothing from calls that began before it opened, and fail while another probes")
    func ignoresOlderCalls() async throws {
        let bench = Bench()
        let breaker = bench.breaker()
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        let hasBegun = Mutex(false)
        let older = Task {
            try await breaker.run {
                hasBegun.withLock { $0 = true }
                for await _ in ends { break }
                throw Down()
            }
        }
        try await eventually("the older call has begun") { hasBegun.withLock { $0 } }
        await fail(breaker, times: 3)
        bench.advance(by: .milliseconds(500))
        try await breaker.run {
            end.yield()
            _ = await older.result
            #expect(breaker.state == .halfOpen)
            await #expect(throws: CircuitBreaker.Open.self) { try await breaker.run {} }
        }
        #expect(breaker.state == .closed)
    }

    @Test("learns nothing from who was cancelled, and lets the next one probe")
    func ignoresCancellation() async throws {
        let bench = Bench()
        let breaker = bench.breaker()
        await fail(breaker, times: 3)
        bench.advance(by: .seconds(1))
        try? await breaker.run { throw CancellationError() }
        #expect(breaker.state == .halfOpen)
        try await breaker.run {}
        #expect(breaker.state == .closed)
    }
}

@Suite("The monitor of dependencies")
struct DependencyMonitorTests {
    private struct Refused: Error, CustomStringConvertible { let description = "refused" }

    private final class Fake: Dependency {
        enum Mood { case well, refusing, hanging }
        let name = DependencyName.redis
        let breaker = CircuitBreaker()
        let mood = Mutex(Mood.well)

        func check() async throws {
            switch mood.withLock({ $0 }) {
            case .well: return
            case .refusing: throw Refused()
            // Hears no cancellation.
            case .hanging: await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
            }
        }
    }

    @Test("says what is down and why within two seconds, also of one that hangs, and that it is back")
    func follows() async throws {
        let fake = Fake()
        let monitor = DependencyMonitor([fake], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let running = Task { try await monitor.run() }
        defer { running.cancel() }
        for (mood, reason) in [(Fake.Mood.refusing, "refused"), (.well, nil), (.hanging, "no answer"), (.well, nil)] {
            fake.mood.withLock { $0 = mood }
            let start = ContinuousClock.now
            try await eventually("health says \(reason ?? "well")") {
                monitor.health[0].isReachable == (reason == nil)
                    && (monitor.health[0].reason ?? "").hasPrefix(reason ?? "")
            }
            // Twice the promise: the machine may be busy.
            #expect(ContinuousClock.now - start < .seconds(4))
        }
    }

    @Test("asks a remote database, so that its circuit opens and closes while nobody else does")
    func remoteDatabase() async throws {
        let database = try await RunningWriter.freshDatabase()
        let remote = RemoteDatabase(database)
        let monitor = DependencyMonitor([remote], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let running = Task { try await monitor.run() }
        database.setReadFault(.unavailable("gone"))
        try await eventually("the circuit opens") { remote.breaker.state != .closed }
        #expect(monitor.health.map(\.reason) == ["gone"])
        database.setReadFault(nil)
        try await eventually("the circuit closes") { remote.breaker.state == .closed && monitor.health[0].isReachable }
        running.cancel()
        _ = await running.result
        await remote.close()
    }
}
