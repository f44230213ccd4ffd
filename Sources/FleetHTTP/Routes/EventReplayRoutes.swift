import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import Hummingbird

/// Ranges of the log that are pushed or published again.
enum EventReplayRoutes {
    static let draft = Schema.object([
        Schema.Field("from_position", .string(1...512), required: true, "The first event, by its sequence."),
        Schema.Field("to_position", .string(1...512), required: true, "The last one."),
        Schema.Field(
            "target",
            .object([
                Schema.Field("webhook_id", .uuid, "Has what its fleet may see pushed to it."),
                Schema.Field(
                    "topic", .boolean,
                    "Has everything published to the topic of all events; for those who may do so everywhere."),
            ]), required: true, "One of the two."),
    ])

    static func create(_ call: Call) async throws -> Response {
        let body = try await call.body()
        let target = body["target"]?.objectValue ?? JSONObject()
        switch (target.id("webhook_id") as Webhook.ID?, target["topic"]?.boolValue ?? false) {
        case (let id?, false): return try await start(to: id, body, under: .eventReplay, call)
        case (nil, true): return try await startToBus(body, call)
        default: throw FleetError.invalid("/target", "required", "names either webhook_id or topic")
        }
    }

    /// - Throws: `bus_not_configured`, and what `start` throws of positions.
    private static func startToBus(_ body: JSONObject, _ call: Call) async throws -> Response {
        // Whether there is one is for those to know who may use it.
        guard call.principal.holdsEverywhere(.eventReplay) else { throw FleetError.denied(.eventReplay) }
        guard call.api.dependencies.dependencies.contains(where: { $0.name == .kafka }) else {
            throw FleetError(.busNotConfigured, "The service publishes to no topic; KAFKA_BROKERS is not set.")
        }
        let first = try await call.start(body.text("from_position"))?.position ?? 0
        let last = try await call.start(body.text("to_position"))?.position ?? 0
        return try await call.perform(
            Write(
                operation: "event_replay.start", kind: .replay,
                decide: { (ledger, context) throws(FleetError) in
                    try ledger.replayToBus(from: first, to: last, &context)
                }, answer: { .created("/event-replays/\($0.subject)") }), body: body)
    }

    /// - Throws: `invalid_position`, `position_of_another`, `position_in_future`, `resync`, `replay_range_invalid`.
    static func start(
        to id: Webhook.ID, _ body: JSONObject, under permission: Permission, _ call: Call
    ) async throws -> Response {
        let first = try await call.start(body.text("from_position"))?.position ?? 0
        let last = try await call.start(body.text("to_position"))?.position ?? 0
        return try await call.perform(
            Write(
                operation: "event_replay.start", kind: .replay,
                decide: { (ledger, context) throws(FleetError) in
                    try ledger.replay(to: id, from: first, to: last, under: permission, &context)
                }, answer: { .created("/event-replays/\($0.subject)") }), body: body)
    }

    static func get(_ call: Call) async throws -> Response {
        let id: EventReplay.ID = try call.id("replay_id")
        let found = try await stored { () throws(StoreError) in try await call.api.store.replay(id) }
        guard let found, found.isManaged(by: call.principal) else {
            let error = FleetError.notFound(.replayNotFound)
            throw found?.fleet.map { call.crossing(error, of: $0, action: .eventReplay) } ?? error
        }
        let progress = try await stored { () throws(StoreError) in try await call.api.store.progress(of: found) }
        return try call.object { call.view.write(found, progress: progress, to: &$0) }
    }

    static func cancel(_ call: Call) async throws -> Response {
        let id: EventReplay.ID = try call.id("replay_id")
        return try await call.perform(
            Write(operation: "event_replay.cancel", kind: .replay) { (ledger, context) throws(FleetError) in
                try ledger.cancelReplay(id, &context)
            } answer: { _ in
                .done
            })
    }
}
