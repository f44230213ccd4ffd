import FleetDomain
import FleetJSON
import FleetService
import FleetStore

/// Reads the log for one caller, who is shown what it may see today.
struct EventReader {
    /// What decides today whether a reader may see an event of the past.
    struct Facts {
        var standings: [Federation.ID: Standing] = [:]
        var members: [Member.Key: Member] = [:]
    }

    private let call: Call
    private let filter: EventFilter
    private let isSeen: @Sendable (Event, Facts) -> Bool
    private var facts = Facts()
    /// What the messages that were handed over say, by their positions, where the caller may have it.
    private var contents: [Int64: MessageContent] = [:]
    /// As of which change of a membership the standings are.
    private var generation: Int64?

    /// - Parameter isSeen: what is shown of what the filter lets through.
    init(_ call: Call, _ filter: EventFilter, isSeen: @escaping @Sendable (Event, Facts) -> Bool) {
        self.call = call
        self.isSeen = isSeen
        var filter = filter
        if !call.principal.holdsEverywhere(.eventRead) { filter.reader = call.principal }
        self.filter = filter
    }

    /// Reads from `after` until `limit` events are found that are shown, the log is over, or one stretch of it is.
    ///
    /// - Parameter tail: where what is not in it is read from the store; it knows the filter's types only.
    /// - Returns: the events, up to where was looked, and whether the log may go on behind that. Asking where it ends by
    ///   now would tell a reader that somebody else did something meanwhile.
    mutating func read(
        after: Int64, limit: Int, from tail: EventTail? = nil
    ) async throws -> (events: [Event], end: Int64, isCut: Bool) {
        var found: [Event] = []
        var (position, size) = (after, 0)
        let last = after + Store.stretchLength
        while found.count < limit, position < last {
            try await refreshStandings()
            let stretch = try await stretch(after: position, limit: min(limit, Self.sliceLength), from: tail)
            guard stretch.end > position else { break }
            let keys = Set(stretch.events.flatMap(call.view.membersToCheck))
            if !keys.isEmpty {
                let store = call.api.store
                facts.members = try await stored { () throws(StoreError) in try await store.members(keys) }
            }
            for event in stretch.events where found.count < limit {
                position = event.position
                guard isSeen(event, facts) else { continue }
                found.append(event)
                size += event.weight
                // Large messages: what they say must not pile up.
                if size > Self.weightMax { return (found, position, true) }
            }
            if found.count < limit { position = stretch.end }
        }
        return (found, position, position >= last)
    }

    /// Events that are read in one go, and bytes of contents after which no more are: an answer stays small, and so does
    /// what is held for it.
    private static let sliceLength = 128
    private static let weightMax = 4 << 20

    /// Readies what is about to be written: messages among the events are handed to the caller where it receives them,
    /// and what an administrator is shown by its privilege is noted; that it was noted before is not noted again.
    mutating func handOver(_ events: [Event]) async throws {
        contents = try await call.handOverContents(of: events.compactMap(\.entity.asMessage))
        let owners = events.filter { $0.entity.kind != .crossing }.flatMap(\.audience.parties)
        try await call.notePrivilege(towards: Set(owners), action: .eventRead)
    }

    /// The position as the reader may see it.
    func place(of position: Int64) -> String { call.api.sealer.text(of: position, for: call.principal) }

    /// - Parameter sequence: the place of the event, which is another text each time.
    func write(_ event: Event, sequence: String, to writer: inout JSONWriter) {
        call.view.write(
            event, standings: facts.standings, content: contents[event.position], sequence: sequence, to: &writer)
    }

    private mutating func refreshStandings() async throws {
        guard filter.reader != nil else { return }
        // Taken before they are read: whatever changes meanwhile has them read again.
        let current = call.api.orchestrator.committed.memberGeneration
        guard generation != current else { return }
        let (store, principal) = (call.api.store, call.principal)
        facts.standings = try await stored { () throws(StoreError) in try await store.standings(of: principal) }
        generation = current
    }

    /// Whether the event may be for the reader, told from its audience as the store tells it; `isSeen` decides.
    private func mayConcern(_ event: Event) -> Bool {
        guard let reader = filter.reader else { return true }
        let (audience, fleets) = (event.audience, reader.fleets)
        return event.actor == reader.subject || audience.parties.contains(where: fleets.contains)
            || audience.witnesses.contains(where: fleets.contains)
            || audience.coordinatorsOf.map { facts.standings[$0] != nil } == true
    }

    private func stretch(after position: Int64, limit: Int, from tail: EventTail?) async throws -> EventStretch {
        if let events = tail?.events(after: position, limit: limit) {
            let types = filter.types
            let wanted = events.filter { (types?.contains($0.type) ?? true) && mayConcern($0) }
            return EventStretch(events: wanted, end: events.last?.position ?? position)
        }
        let (store, filter, standings) = (call.api.store, filter, facts.standings)
        return try await stored { () throws(StoreError) in
            try await store.events(matching: filter, after: position, limit: limit, standings: standings)
        }
    }
}
