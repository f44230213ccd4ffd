import FleetDomain
import FleetHTTP
import FleetJSON
import FleetTestSupport
import SQLiteBackend
import Testing

/// Signs of life.
@Suite("A fleet's presence", .timeLimit(.minutes(2)))
struct PresenceTests {
    private static func beat(_ stage: MessageStage, _ fleet: String, _ interval: Int = 30) async throws {
        try await stage.service.ok(
            "POST", "/fleets/\(fleet)/heartbeat", #"{"interval_seconds":\#(interval)}"#, key: .some(stage.key(fleet)))
    }

    /// How the other sees it.
    private static func presence(_ stage: MessageStage, of fleet: String, as reader: String) async throws -> String {
        let path = "/federations/\(stage.federation)/members/\(fleet)"
        return try await stage.service.ok("GET", path, key: .some(stage.key(reader))).text("presence")
    }

    private static func told(_ stage: MessageStage, _ reader: String) async throws -> [String] {
        let path = "/events?types=presence.reachable,presence.unreachable"
        return try await stage.service.ok("GET", path, key: .some(stage.key(reader))).rows("events").map {
            String($0.text("type").dropFirst(EventType.prefix.count))
        }
    }

    @Test("is told to its federation when it changes, and at no other sign")
    func course() async throws {
        try await MessageStage.run { stage in
            #expect(try await Self.presence(stage, of: "red", as: "blue") == "")
            try await Self.beat(stage, "red")
            #expect(try await Self.presence(stage, of: "red", as: "blue") == "reachable")
            for _ in 0..<4 {
                await stage.service.advance(by: 20)
                try await Self.beat(stage, "red")
            }
            #expect(try await Self.told(stage, "blue") == ["presence.reachable"])
            await stage.service.advance(by: 29)
            #expect(try await Self.presence(stage, of: "red", as: "blue") == "reachable")
            await stage.service.advance(by: 1)
            #expect(try await Self.presence(stage, of: "red", as: "blue") == "unreachable")
            try await Self.beat(stage, "red", 60)
            await stage.service.advance(by: 59)
            let told = ["presence.reachable", "presence.unreachable", "presence.reachable"]
            #expect(try await Self.told(stage, "blue") == told)
            #expect(try await Self.told(stage, "red") == told)
            await stage.service.advance(by: 1000)
            #expect(try await Self.told(stage, "blue").count == 4, "it is told once")
        }
    }

    @Test("is for those who may know the fleet")
    func isolated() async throws {
        try await MessageStage.run([("red", "high"), ("blue", "none")]) { stage in
            try await Self.beat(stage, "red")
            await stage.service.advance(by: 30)
            #expect(try await Self.told(stage, "blue").isEmpty)
            #expect(try await Self.told(stage, "red").count == 2)
            try await stage.service.refused(
                404, "fleet_not_found", "POST", "/fleets/red/heartbeat", #"{"interval_seconds":30}"#,
                key: .some(stage.key("blue")))
        }
    }

    @Test("of a dry run is nothing, and a membership keeps its version")
    func leavesNoTrace() async throws {
        try await MessageStage.run { stage in
            let path = "/federations/\(stage.federation)/members/red"
            let before = try await stage.service.ok("GET", path)["version"]
            try await Self.beat(stage, "red")
            await stage.service.advance(by: 20)
            try await stage.service.ok(
                "POST", "/fleets/red/heartbeat?dry_run=true", #"{"interval_seconds":30}"#, key: .some(stage.key("red")))
            await stage.service.advance(by: 10)
            #expect(try await Self.presence(stage, of: "red", as: "blue") == "unreachable")
            #expect(try await stage.service.ok("GET", path)["version"] == before)
            for wrong in [#"{"interval_seconds":0}"#, #"{"interval_seconds":86401}"#, "{}"] {
                try await stage.service.refused(
                    422, "validation_failed", "POST", "/fleets/red/heartbeat", wrong, key: .some(stage.key("red")))
            }
        }
    }

    @Test("gets its interval again after a start: who could not be heard is not silent")
    func restarted() async throws {
        var scenario = World()
        let fleet = scenario.beat(at: 0)
        scenario.load()
        #expect(scenario.advance(to: 1000).isEmpty)
        #expect(scenario.advance(to: 1029).isEmpty)
        #expect(scenario.advance(to: 1030).map(\.type) == [.presenceUnreachable])
        #expect(scenario.ledger.members.values.first { $0.key.fleet == fleet }?.presence == .unreachable)
    }

    @Test("is counted on where it is known when the fleet was heard")
    func recalled() async throws {
        var scenario = World()
        let fleet = scenario.beat(at: 0)
        scenario.load()
        scenario.recall([fleet: 25])
        #expect(scenario.advance(to: 54).isEmpty)
        #expect(scenario.advance(to: 55).map(\.type) == [.presenceUnreachable])

        // A clock that was ahead makes nobody seem alive for longer than an interval.
        scenario = World()
        _ = scenario.beat(at: 0)
        scenario.load()
        scenario.recall([fleet: 9999], now: 40)
        #expect(scenario.advance(to: 69).isEmpty)
        #expect(scenario.advance(to: 70).map(\.type) == [.presenceUnreachable])

        // Nor does an old word count against a fleet that was heard since.
        scenario = World()
        _ = scenario.beat(at: 20)
        scenario.recall([fleet: 0], now: 20)
        #expect(scenario.advance(to: 49).isEmpty)
        #expect(scenario.advance(to: 50).map(\.type) == [.presenceUnreachable])
    }

    @Test("is looked at again when what the silence came to could not be stored")
    func notStored() async throws {
        var scenario = World()
        _ = scenario.beat(at: 0)
        #expect(scenario.tryToAdvance(to: 30).map(\.type) == [.presenceUnreachable])
        #expect(scenario.advance(to: 31).map(\.type) == [.presenceUnreachable])
        #expect(scenario.advance(to: 1000).isEmpty)
    }

    @Test("is counted anew where nobody could be heard for a while")
    func unheard() async throws {
        var scenario = World()
        _ = scenario.beat(at: 0)
        #expect(!scenario.tryToAdvance(to: 30).isEmpty)
        scenario.ledger.forgetSigns(now: Timestamp(milliseconds: 40_000))
        #expect(scenario.advance(to: 69).isEmpty)
        #expect(scenario.advance(to: 70).map(\.type) == [.presenceUnreachable])
    }

    /// A federation of one fleet, in the ledger alone.
    private struct World {
        var ledger = Ledger()
        private let principal = Principal(subject: "admin", roles: [.platformAdmin])

        private func context(_ seconds: Int64) -> Context {
            Context(
                principal: principal, now: Timestamp(milliseconds: seconds * 1000), requestID: "r",
                ids: IDSource(seed: UInt64(seconds), random: 1))
        }

        mutating func beat(at seconds: Int64) -> Fleet.ID {
            let fleet: Fleet.ID = apiName("red")
            var context = context(seconds)
            _ = try? ledger.register(FleetDraft(id: fleet, name: "r", organization: "o"), &context)
            _ = try? ledger.create(
                FederationDraft(name: "f", description: "", policy: FederationPolicy(), foundingFleet: fleet), &context)
            _ = try? ledger.heartbeat(fleet, interval: 30, isTrial: false, &context)
            ledger.confirm()
            return fleet
        }

        /// As a start does.
        mutating func load() {
            var loaded = Ledger(position: ledger.position, lastTime: ledger.lastTime)
            for fleet in ledger.fleets.values { loaded.restore(.fleet(fleet)) }
            for federation in ledger.federations.values { loaded.restore(.federation(federation)) }
            for member in ledger.members.values { loaded.restore(.member(member)) }
            ledger = loaded
        }

        mutating func recall(_ signs: [Fleet.ID: Int64], now: Int64 = 40) {
            ledger.recall(
                signs.mapValues { Timestamp(milliseconds: $0 * 1000) }, now: Timestamp(milliseconds: now * 1000))
        }

        /// What came of it cannot be stored.
        mutating func tryToAdvance(to seconds: Int64) -> [Event] {
            let start = ledger.savepoint
            var context = context(seconds)
            ledger.advance(&context)
            defer { ledger.rollBack(to: start) }
            return ledger.recorded
        }

        mutating func advance(to seconds: Int64) -> [Event] {
            var context = context(seconds)
            ledger.advance(&context)
            defer { ledger.confirm() }
            return ledger.recorded
        }
    }
}
