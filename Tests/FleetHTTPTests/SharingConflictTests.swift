import FleetDomain
import FleetJSON
import FleetTestSupport
import Testing

/// What is promised is promised once, and who is refused is told what would work.
@Suite("A request for what is taken", .timeLimit(.minutes(2)))
struct SharingConflictTests {
    @Test("is refused with the reason, what would lift it, and the nearest windows")
    func explained() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van")
            _ = try await stage.lease("van", startsIn: 3600, is: "granted")
            let refused = try await stage.ask("van", as: .rival, startsIn: 4000)
            refused.expect(409, code: "window_conflict")
            let explanation = refused.explanation
            let end = (VirtualClock.start + 7200).description
            #expect(explanation.text("code") == "window_conflict" && explanation.text("step") == "requested_unit")
            #expect(!explanation.text("summary").isEmpty && explanation["considered"] == .integer(1))
            #expect(explanation["constraint"]?.objectValue?["code"] == "window_conflict")
            #expect(explanation["rejected"]?.objectValue == ["window_conflict": 1])
            #expect(refused.changes.map(\.field) == ["starts_at"] && refused.changes.map(\.value) == [end])
            #expect(refused.nearestWindows.first?.text("starts_at") == end)
            // It tells when the unit is free, not who has it.
            #expect(!refused.body.contains("borrower"))
        }
    }

    @Test("is granted when it begins as the other ends, and refused a second earlier")
    func halfOpen() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van")
            _ = try await stage.lease("van", startsIn: 3600, is: "granted")
            try await stage.ask("van", as: .rival, startsIn: 7199).expect(409, code: "window_conflict")
            try await stage.ask("van", as: .rival, lasting: 3601).expect(409, code: "window_conflict")
            _ = try await stage.lease("van", as: .rival, startsIn: 7200, is: "granted")
            _ = try await stage.lease("van", as: .rival, lasting: 3600, is: "active")
            let calendar = try await stage.send("GET", "/fleets/owner/resources/van/calendar", as: .owner)
            #expect(calendar.rows("entries").count == 3)
        }
    }

    @Test("that says it began up to a minute ago begins now")
    func clockSkew() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van")
            try await stage.ask("van", startsIn: -61).expect(422, code: "validation_failed")
            let reply = try await stage.ask("van", startsIn: -60)
            reply.expect(201, "active")
            #expect(reply.text("starts_at") == VirtualClock.start.description)
            #expect(reply.text("ends_at") == (VirtualClock.start + 3600).description)
        }
    }

    @Test("leaves the buffer free on either side")
    func buffer() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van", ["buffer_seconds": 600])
            _ = try await stage.lease("van", startsIn: 7200, is: "granted")
            let late = try await stage.ask("van", as: .rival, startsIn: 11_399)
            late.expect(409, code: "window_conflict")
            #expect(late.changes.map(\.value) == [(VirtualClock.start + 11_400).description])
            try await stage.ask("van", as: .rival, startsIn: 3001).expect(409, code: "window_conflict")
            _ = try await stage.lease("van", as: .rival, startsIn: 11_400, is: "granted")
            _ = try await stage.lease("van", as: .rival, startsIn: 3000, is: "granted")
            // What is handed back early cools as long.
            let early = try await stage.lease("van", lasting: 1200, is: "active")
            try await stage.step("return", early, as: .borrower).expect(200, "completed")
            try await stage.ask("van", startsIn: 599, lasting: 60).expect(409, code: "window_conflict")
            _ = try await stage.lease("van", startsIn: 600, lasting: 60, is: "granted")
        }
    }

    @Test("by name is refused of a pooled resource, though it is free")
    func pooled() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van", ["pooled": .bool(true)])
            let refused = try await stage.ask("van")
            refused.expect(409, code: "resource_unavailable")
            #expect(refused.changes.map(\.field) == ["resource.pooled"] && refused.changes.map(\.value) == ["false"])
            _ = try await stage.send("PATCH", "/fleets/owner/resources/van", ["pooled": .bool(false)], as: .owner)
            _ = try await stage.lease("van", is: "active")
        }
    }

    @Test("may still be for as many units as are free")
    func pool() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("vans", ["capacity": 5])
            _ = try await stage.lease("vans", as: .rival, ["quantity": 3], is: "active")
            let refused = try await stage.ask("vans", startsIn: 1800, ["quantity": 3])
            refused.expect(409, code: "capacity_exceeded")
            #expect(refused.explanation["constraint"]?.objectValue?["limit"] == .integer(5))
            #expect(refused.changes.map(\.field) == ["quantity"] && refused.changes.map(\.value) == ["2"])
            #expect(refused.nearestWindows.first?.text("starts_at") == (VirtualClock.start + 3600).description)
            _ = try await stage.lease("vans", startsIn: 1800, ["quantity": 2], is: "granted")
            let full = try await stage.ask("vans", startsIn: 1800, ["quantity": 1])
            full.expect(409, code: "capacity_exceeded")
            #expect(full.changes.map(\.field) == ["starts_at"])
            _ = try await stage.lease("vans", startsIn: 3600, ["quantity": 3], is: "granted")
            // No window has six of five.
            let tooMany = try await stage.ask("vans", startsIn: 86_400, ["quantity": 6])
            tooMany.expect(409, code: "capacity_exceeded")
            #expect(tooMany.changes.map(\.value) == ["5"] && tooMany.nearestWindows.isEmpty)
        }
    }

    @Test("says the whole set that stands against it, and is granted once that is lifted")
    func wholeSet() async throws {
        let policy = #"{"allowed_resource_types":["vehicle"],"lease_duration_max_seconds":7200}"#
        try await SharingStage.run(level: "none", policy: policy) { stage in
            try await stage.register("van", ["status": "maintenance"])
            let body: JSONObject = ["resource_type": "dock"]
            let refused = try await stage.ask("van", startsIn: 60, lasting: 7201, body)
            refused.expect(409, code: "policy_forbids")
            let changes = Dictionary(uniqueKeysWithValues: refused.changes.map { ($0.field, $0.value) })
            #expect(changes == ["resource_type": "vehicle", "duration": "7200", "resource.status": "available"])
            let half = try await stage.ask("van", startsIn: 60, lasting: 7200)
            half.expect(409, code: "resource_unavailable")
            #expect(half.changes.map(\.field) == ["resource.status"])
            let back = try await stage.send(
                "PATCH", "/fleets/owner/resources/van", ["status": "available"], as: .owner)
            #expect(back.status == 200)
            _ = try await stage.lease("van", startsIn: 60, lasting: 7200, is: "granted")
        }
    }
}
