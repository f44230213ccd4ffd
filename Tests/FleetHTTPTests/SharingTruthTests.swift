import FleetDomain
import FleetJSON
import FleetTestSupport
import Testing

/// Whatever a refusal says would be granted is tried at once.
@Suite("What a refusal says", .timeLimit(.minutes(Effort.minutes(3))))
struct SharingTruthTests {
    private static let seeds = Effort.seeds(3, slow: 30)
    private static let steps = 40

    @Test("Invariant 9: so changed, in each window that it names, and as long as it allows, it is granted")
    func truthful() async throws {
        for seed in Generator.seeds(Self.seeds) {
            try await SharingStage.run(level: "none") { stage in
                var story = Story(stage: stage, random: Generator(seed: seed))
                try await stage.register("van", ["buffer_seconds": 300])
                try await stage.register("vans", ["capacity": 3, "buffer_seconds": 60])
                for _ in 0..<Self.steps { try await story.step() }
                #expect(story.refusals > 3, "seed \(seed)")
            }
        }
    }

    /// Random steps of a borrower.
    private struct Story {
        let stage: SharingStage
        var random: Generator
        private var leases: [String] = []
        private(set) var refusals = 0

        init(stage: SharingStage, random: Generator) {
            self.stage = stage
            self.random = random
        }

        private var place: Comment { "seed \(random.seed)" }

        mutating func step() async throws {
            switch random.int(in: 0...9) {
            case 0: await stage.service.advance(by: random.int(in: 1...1200))
            case 1...2: try await end()
            case 3: try await extend()
            case 4: try await changeTerms()
            default: try await ask()
            }
        }

        /// What ends early cools.
        private mutating func end() async throws {
            guard !leases.isEmpty else { return }
            let lease = random.pick(leases)
            let reply = try await stage.send("DELETE", "/resource-sharing/\(lease)", as: .borrower)
            #expect(reply.status == 204 || reply.status == 404, "\(place): \(reply.body)")
        }

        private mutating func changeTerms() async throws {
            let reply = try await stage.send(
                "PATCH", "/fleets/owner/resources/vans", ["buffer_seconds": .integer(random.int(in: 0...3600))],
                as: .owner)
            #expect(reply.status == 200, "\(place): \(reply.body)")
        }

        private mutating func extend() async throws {
            guard !leases.isEmpty else { return }
            let path = "/resource-sharing/\(random.pick(leases))"
            let refused = try await stage.send(
                "PUT", path, ["duration": .integer(random.int(in: 1...20_000))], as: .borrower)
            guard let change = refused.changes.first, let longest = Int64(change.value) else { return }
            refusals += 1
            let body: JSONObject = ["duration": .integer(longest)]
            let reply = try await stage.send("PUT", path + "?dry_run=true", body, as: .borrower)
            #expect(reply.status == 200, "\(place): \(refused.body) \(reply.body)")
        }

        private mutating func ask() async throws {
            let unit = random.pick(["van", "vans"])
            let body = stage.request(
                unit, startsIn: random.int(in: 0...20_000), lasting: random.int(in: 1...7200),
                ["quantity": .integer(random.int(in: 1...(unit == "van" ? 1 : 3)))])
            let reply = try await stage.send("POST", "/resource-sharing", body, as: .borrower)
            if reply.status == 409 {
                refusals += 1
                try await check(reply, of: body)
            } else {
                #expect(reply.status == 201, "\(place): \(reply.body)")
                leases.append(reply.text("sharing_id"))
            }
        }

        /// Tries the change and the windows that a refusal names, and then takes all of the windows.
        private mutating func check(_ refusal: TestService.Reply, of body: JSONObject) async throws {
            let windows = refusal.nearestWindows.map { window in
                var moved = body
                moved["starts_at"] = .string(window.text("starts_at"))
                return (moved, window.text("ends_at"))
            }
            #expect(!windows.isEmpty && !refusal.changes.isEmpty, "\(place): \(refusal.body)")
            var changed = body
            for change in refusal.changes {
                changed[change.field] = Int64(change.value).map { .integer($0) } ?? .string(change.value)
            }
            for attempt in [changed] + windows.map(\.0) {
                let reply = try await stage.send("POST", "/resource-sharing?dry_run=true", attempt, as: .borrower)
                #expect(reply.status == 201, "\(place): \(refusal.body) \(reply.body)")
            }
            for (window, end) in windows {
                let reply = try await stage.send("POST", "/resource-sharing", window, as: .borrower)
                #expect(
                    reply.status == 201 && reply.text("ends_at") == end, "\(place): \(refusal.body) \(reply.body)")
            }
        }
    }
}
