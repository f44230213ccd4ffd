import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import Hummingbird

/// Ranges of the log that are pushed again.
enum EventReplayRoutes {
    static let draft = Schema.object([
        Schema.Field("from_position", .string(1...512), required: true, "The first event, by its sequence."),
        Schema.Field("to_position", .string(1...512), required: true, "The last one."),
        Schema.Field("target", .object([Schema.Field("webhook_id", .uuid, required: true)]), required: true),
    ])

    static func create(_ call: Call) async throws -> Response {
        let body = try await call.body()
        guard let id: Webhook.ID = body["target"]?.objectValue?.id("webhook_id") else {
            throw FleetError.invalid("/target/webhook_id", "required", "is missing")
        }
        return try await start(to: id, body, under: .eventReplay, call)
    }

    /// - Throws: `invalid_position`, `position_of_another`, `position_in_future`, `replay_range_invalid`.
    static func start(
        to id: Webhook.ID, _ body: JSONObject, under permission: Permission, _ call: Call
    ) async throws -> Response {
        let first = try call.start(body.text("from_position")) ?? 0
        let last = try call.start(body.text("to_position")) ?? 0
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
        guard let found, call.principal.holds(.eventReplay, for: found.fleet) else {
            let error = FleetError.notFound(.replayNotFound)
            throw found.map { call.crossing(error, of: $0.fleet, action: .eventReplay) } ?? error
        }
        let progress = try await stored { () throws(StoreError) in try await call.api.store.progress(of: id) }
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
