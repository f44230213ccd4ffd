import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import Hummingbird

/// The log, as events and as audit records.
enum EventRoutes {
    private static let limitDefault = 100

    static func list(_ call: Call) async throws -> Response {
        let after = try call.query["after"].map { text throws(FleetError) in
            try call.api.sealer.position(text, for: call.principal)
        }
        let limit = call.query["limit"].flatMap { Int($0) } ?? limitDefault
        let federation = call.parameter("federation_id", Federation.ID.init)
        var filter = EventFilter()
        filter.types = try types(call.query["types"])
        let (events, end, facts) = try await scan(call, filter, after: after ?? 0, limit: limit) {
            event, facts in
            (federation == nil || event.entity.federation == federation)
                && call.view.sees(event, standings: facts.standings, members: facts.members)
        }
        try await call.notePrivilege(towards: Set(events.flatMap(\.audience.parties)), action: .eventRead)
        var writer = JSONWriter(capacity: 1024 * (events.count + 1))
        writer.beginObject()
        writer.key("events")
        writer.beginArray()
        for event in events {
            call.view.write(
                event, standings: facts.standings,
                sequence: call.api.sealer.text(of: event.position, for: call.principal),
                to: &writer)
        }
        writer.endArray()
        writer.field("next_after", call.api.sealer.text(of: end, for: call.principal))
        writer.endObject()
        return try call.answer(writer.bytes, isObject: false)
    }

    private static func types(_ text: String?) throws(FleetError) -> [EventType]? {
        guard let text else { return nil }
        var types: [EventType] = []
        for part in text.split(separator: ",") {
            let name = part.hasPrefix(EventType.prefix) ? part.dropFirst(EventType.prefix.count) : part
            guard let type = EventType(rawValue: String(name)) else {
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
        let after = page.after.flatMap { Int64($0) } ?? 0
        // One more than the page, to know whether there is a next one.
        let (events, end, _) = try await scan(call, filter, after: after, limit: page.size + 1) { event, facts in
            call.view.seesAudit(of: event, standings: facts.standings, members: facts.members)
                && (fleet == nil || concerns(event, fleet)) && (outcome == nil || event.auditOutcome == outcome)
                && (action == nil || event.auditAction == action)
        }
        let shown = events.prefix(page.size)
        let last = events.count > page.size ? shown.last?.position : isCut(end, after) ? end : nil
        let found = Page(found: Array(shown), size: page.size)
        let token = { (writer: inout JSONWriter) in
            if let last { writer.field("next_page_token", call.pageToken(after: Sealer.padded(last))) }
        }
        return try call.answer("audit_records", found, next: \.position.description, also: token) { event, writer in
            call.view.writeAudit(of: event, to: &writer)
        }
    }

    /// Whether the log may go on behind what was looked at. Asking where it ends by now would tell a reader that
    /// somebody else did something meanwhile.
    private static func isCut(_ end: Int64, _ after: Int64) -> Bool { end >= after + Store.stretchLength }

    private static func concerns(_ event: Event, _ fleet: Fleet.ID?) -> Bool {
        guard let fleet else { return true }
        return event.actingFleet == fleet || event.audience.parties.contains(fleet)
    }

    /// What decides today whether a reader may see an event of the past.
    private struct Facts {
        var standings: [Federation.ID: Standing] = [:]
        var members: [Member.Key: Member] = [:]
    }

    /// Reads the log from `after` until `limit` events are found that `isSeen` lets through, or one stretch is over.
    private static func scan(
        _ call: Call, _ filter: EventFilter, after: Int64, limit: Int, _ isSeen: (Event, Facts) -> Bool
    ) async throws -> ([Event], Int64, Facts) {
        let store = call.api.store
        var filter = filter
        var facts = Facts()
        if !call.principal.holdsEverywhere(.eventRead) {
            filter.reader = call.principal
            facts.standings = try await stored { () throws(StoreError) in
                try await store.standings(of: call.principal)
            }
        }
        var found: [Event] = []
        var position = after
        let last = after + Store.stretchLength
        while found.count < limit, position < last {
            let start = position
            let (narrowed, tied) = (filter, facts.standings)
            let stretch = try await stored { () throws(StoreError) in
                try await store.events(matching: narrowed, after: start, limit: limit, standings: tied)
            }
            guard stretch.end > start else { break }
            let keys = Set(stretch.events.flatMap(call.view.membersToCheck))
            facts.members = try await stored { () throws(StoreError) in try await store.members(keys) }
            for event in stretch.events where found.count < limit {
                position = event.position
                if isSeen(event, facts) { found.append(event) }
            }
            if found.count < limit { position = stretch.end }
        }
        return (found, position, facts)
    }
}
