import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import HTTPTypes
import Hummingbird
import NIOCore
import ServiceLifecycle

/// The log, as events and as audit records.
enum EventRoutes {
    private static let limitDefault = 100

    static func list(_ call: Call) async throws -> Response {
        let after = try await call.start()
        try call.request.negotiate("application/json")
        let limit = call.query["limit"].flatMap { Int($0) } ?? limitDefault
        var feed = try feed(call)
        let timeline = call.api.orchestrator.committed.timeline
        let (events, end, _) = try await feed.read(after: after?.position ?? 0, limit: limit)
        try await feed.handOver(events)
        var writer = JSONWriter(capacity: 1024 * (events.count + 1))
        writer.beginObject()
        writer.key("events")
        writer.beginArray()
        for event in events {
            let place = LogPlace(position: event.position, timeline: timeline)
            feed.write(event, sequence: feed.text(of: place), to: &writer)
        }
        writer.endArray()
        writer.field("next_after", feed.text(of: LogPlace(position: end, timeline: timeline)))
        writer.endObject()
        return try call.answer(writer.bytes, isObject: false)
    }

    /// Follows the log; without a position from its end on.
    static func stream(_ call: Call) async throws -> Response {
        try call.request.negotiate("text/event-stream")
        let log = call.api.orchestrator.committed
        // A body that nobody reads would hide that the reader has left.
        let length = call.request.headers[.contentLength]
        guard length == nil || length == "0", call.request.headers[.transferEncoding] == nil else {
            throw FleetError(.malformedRequest, "This request takes no body.")
        }
        let limits = call.request.limits
        guard log.tail.followers < limits.streamsMax,
            log.tail.followers(named: call.principal.subject) < limits.streamsOfOneMax
        else { throw FleetError(.overloaded, "Too many streams are open; close one of them.") }
        let last = call.request.headers[.lastEventID].flatMap { $0.isEmpty ? nil : $0 }
        let start = try await call.start(last)
        let feed = try feed(call)
        let place = start ?? log.place
        let body = ResponseBody { writer in
            let follower = log.tail.follow(as: call.principal.subject)
            defer { follower.end() }
            try await withGracefulShutdownHandler {
                try await call.request.http.body.consumeWithInboundCloseHandler { _ in
                    var stream = EventStream(call, feed, after: place, follower)
                    try await stream.run(&writer)
                } onInboundClosed: {
                    follower.end()
                }
            } onGracefulShutdown: {
                follower.end()
                // Who takes nothing of what was written does not hold up the stop.
                let channel = call.request.context.channel
                channel.eventLoop.scheduleTask(in: TimeAmount(limits.streamLingerDuration)) {
                    channel.close(promise: nil)
                }
            }
            try await writer.finish(nil)
        }
        let headers: HTTPFields = [
            .contentType: "text/event-stream", .cacheControl: "no-store", .xAccelBuffering: "no",
            // When the stream has ended, so has the body that was waited on for the reader to leave.
            .connection: "close",
        ]
        return Response(status: .ok, headers: headers, body: body)
    }

    /// What the caller may see of the types and the federation that it asks for.
    private static func feed(_ call: Call) throws(FleetError) -> EventFeed {
        var filter = EventFilter()
        filter.types = try types(call.query["types"])
        let federation = call.parameter("federation_id", Federation.ID.init)
        let view = call.view
        return EventFeed(call, filter) { event, facts in
            (federation == nil || event.entity.federation == federation)
                && view.sees(event, standings: facts.standings, members: facts.members)
        }
    }

    private static func types(_ text: String?) throws(FleetError) -> [EventType]? {
        guard let text else { return nil }
        var types: [EventType] = []
        for part in text.split(separator: ",") {
            guard let type = EventType(name: part) else {
                throw FleetError(.invalidParameter, "The parameter 'types' names an event type that does not exist.")
            }
            types.append(type)
        }
        return types
    }

    static func audit(_ call: Call) async throws -> Response {
        let page = try call.page()
        let fleet = call.parameter("fleet_id", Fleet.ID.init)
        let outcome = call.query["outcome"]
        let action = call.query["action"]
        var filter = EventFilter()
        filter.actor = call.query["actor"]
        filter.from = call.parameter("from", Timestamp.init)
        filter.to = call.parameter("to", Timestamp.init)
        var after: Int64 = 0
        if let mark = page.after { after = try await call.api.positions.position(ofMark: mark) }
        let view = call.view
        var feed = EventFeed(call, filter) { event, facts in
            view.seesAudit(of: event, standings: facts.standings, members: facts.members)
                && (fleet == nil || concerns(event, fleet, view)) && (outcome == nil || event.auditOutcome == outcome)
                && (action == nil || event.auditAction == action)
        }
        let timeline = call.api.orchestrator.committed.timeline
        // One more than the page, to know whether there is a next one.
        let (events, end, isCut) = try await feed.read(after: after, limit: page.size + 1)
        let shown = events.prefix(page.size)
        let last = events.count > page.size ? shown.last?.position : isCut ? end : nil
        let found = Page(found: Array(shown), size: page.size)
        let token = { (writer: inout JSONWriter) in
            guard let last else { return }
            let mark = call.api.positions.mark(LogPlace(position: last, timeline: timeline))
            writer.field("next_page_token", call.pageToken(after: mark))
        }
        return try call.answer("audit_records", found, next: \.position.description, also: token) { event, writer in
            call.view.writeAudit(of: event, to: &writer)
        }
    }

    private static func concerns(_ event: Event, _ fleet: Fleet.ID?, _ view: View) -> Bool {
        guard let fleet else { return true }
        guard event.actingFleet != fleet else { return true }
        // Of a message to many each reader knows some, and no filter tells it of the others.
        guard case .message(let message) = event.entity else { return event.audience.parties.contains(fleet) }
        return message.source == fleet || message.deliveries.contains { $0.target == fleet && view.sees($0) }
    }
}

extension HTTPField.Name {
    fileprivate static let lastEventID = Self("Last-Event-ID")!
    /// Tells a proxy in front to pass each event on as it comes.
    fileprivate static let xAccelBuffering = Self("X-Accel-Buffering")!
}
