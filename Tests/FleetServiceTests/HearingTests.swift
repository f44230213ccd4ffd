import FleetDomain
import FleetService
import FleetStore
import FleetTestSupport
import Synchronization
import Testing

@Suite("Word of fleets for who decides next")
struct SignsTests {
    private static let red: Fleet.ID = name("red")

    /// A memory that may lose what it is to keep.
    private final class LossyCache: SharedCache {
        private let inner = InProcessCache()
        private let state = Mutex((isLossy: false, losses: UInt64(0)))

        func lose(_ isLossy: Bool) { state.withLock { $0.isLossy = isLossy } }

        var losses: UInt64 { state.withLock { $0.losses } }

        func keep(_ value: CachedValue, as name: String, for lifetime: Duration, replaces: Bool) {
            let isLost = state.withLock { state in
                if state.isLossy { state.losses += 1 }
                return state.isLossy
            }
            if !isLost { inner.keep(value, as: name, for: lifetime, replaces: replaces) }
        }

        func values(_ names: [String]) async -> [CachedValue?] { await inner.values(names) }
        func count(_ name: String, adding amount: Int64, window: Duration) async -> WindowCount {
            await inner.count(name, adding: amount, window: window)
        }
        func announceRevocation() { inner.announceRevocation() }
        var revocations: UInt64 { inner.revocations }
    }

    @Test("A sign that could not be noted makes no fleet seem silent, and is noted once it can be")
    func lost() async throws {
        let cache = LossyCache()
        let seal = CacheSeal(secret: [1])
        try await RunningWriter.run(signs: SignsOfLife(cache, seal: seal)) { writer in
            let orchestrator = writer.orchestrator
            func beat() async {
                let answer = await writer.submit(
                    .admin("fleet.heartbeat") { ledger, context throws(FleetError) in
                        try ledger.heartbeat(Self.red, interval: 30, isTrial: false, &context)
                    })
                #expect(answer.code == nil)
                orchestrator.noteSign(of: Self.red, interval: 30)
            }
            func silence() async -> Int64? {
                let heard = await SignsOfLife(cache, seal: seal).recall([Self.red], now: writer.clock.now)
                return heard[Self.red].map { (writer.clock.now.milliseconds - $0.milliseconds) / 1000 }
            }
            let found = Command.admin("federation.create") { ledger, context throws(FleetError) in
                let draft = FederationDraft(
                    name: "f", description: "", policy: FederationPolicy(), foundingFleet: Self.red)
                return try ledger.create(draft, &context)
            }
            for command in [.register("red"), found] {
                let answer = await writer.submit(command)
                #expect(answer.code == nil)
            }
            await beat()
            orchestrator.noteListening()
            let first = await silence()
            #expect(first == 0)
            writer.clock.advance(by: 20)
            cache.lose(true)
            await beat()
            cache.lose(false)
            writer.clock.advance(by: 15)
            orchestrator.noteListening()
            // Not the 35 s since the last that was noted.
            let second = await silence()
            #expect(second == 0)
            await orchestrator.tick()
            let third = await silence()
            #expect(third == 15)
        }
    }
}

/// Where a database is shared, signs of life are refused while it cannot be asked.
@Suite("Fleets that cannot be heard", .enabled(if: TestDatabase.postgresURL != nil))
struct HearingTests {
    private static let red: Fleet.ID = name("red")

    private static let found = Command.admin("federation.create") { ledger, context throws(FleetError) in
        let draft = FederationDraft(name: "f", description: "", policy: FederationPolicy(), foundingFleet: red)
        return try ledger.create(draft, &context)
    }
    private static let beat = Command.admin("fleet.heartbeat") { ledger, context throws(FleetError) in
        try ledger.heartbeat(red, interval: 30, isTrial: false, &context)
    }

    @Test("are not called silent, and have their interval again once they can be")
    func outage() async throws {
        try await RunningWriter.run { writer in
            for command in [.register("red"), Self.found, Self.beat] {
                let answer = await writer.submit(command)
                #expect(answer.code == nil)
            }
            func isTold(after seconds: Seconds) async throws -> Bool {
                writer.clock.advance(by: seconds)
                await writer.orchestrator.tick()
                return try await writer.log().contains { $0.type == .presenceUnreachable }
            }
            writer.database.setFault { _ in .unavailable("away") }
            for _ in 0..<5 {
                writer.clock.advance(by: 10)
                await writer.orchestrator.tick()
            }
            writer.database.heal()
            var told: [Bool] = []
            for seconds in [0, 29, 1] as [Seconds] { told.append(try await isTold(after: seconds)) }
            #expect(told == [false, false, true])
        }
    }
}
