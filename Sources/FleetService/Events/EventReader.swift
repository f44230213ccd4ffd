package import FleetDomain
package import FleetStore

/// Reads the log for one reader, who is shown what it may see today.
package struct EventReader: Sendable {
    /// What decides today whether a reader may see an event of the past.
    package struct Facts: Sendable {
        package var standings: [Federation.ID: Standing] = [:]
        package var members: [Member.Key: Member] = [:]
    }

    private let principal: Principal
    private let store: Store
    private let committed: CommittedLog
    private let filter: EventFilter
    private let isSeen: @Sendable (Event, Facts) -> Bool
    package private(set) var facts = Facts()
    /// As of which change of a membership the standings are.
    private var generation: UInt64?

    /// - Parameter isSeen: what is shown of what the filter lets through.
    package init(
        _ principal: Principal, _ filter: EventFilter, store: Store, committed: CommittedLog,
        isSeen: @escaping @Sendable (Event, Facts) -> Bool
    ) {
        self.principal = principal
        self.store = store
        self.committed = committed
        self.isSeen = isSeen
        var filter = filter
        if !principal.holdsEverywhere(.eventRead) { filter.reader = principal }
        self.filter = filter
    }

    /// Reads from `after` until `limit` events are found that are shown, the log is over, or one stretch of it is.
    ///
    /// - Parameter tail: where what is not in it is read from the store; it knows the filter's types only.
    /// - Returns: the events, up to where was looked, and whether the log may go on behind that. Asking where it ends by
    ///   now would tell a reader that somebody else did something meanwhile.
    package mutating func read(
        after: Int64, limit: Int, from tail: EventTail? = nil
    ) async throws(StoreError) -> (events: [Event], end: Int64, isCut: Bool) {
        var found: [Event] = []
        var (position, size) = (after, 0)
        let last = after + Store.stretchLength
        while found.count < limit, position < last {
            try await refreshStandings()
            let stretch = try await stretch(after: position, limit: min(limit, Self.sliceLength), from: tail)
            // Whose standing changed meanwhile may see what it was read without.
            if filter.reader != nil, committed.memberGeneration != generation { continue }
            guard stretch.end > position else { break }
            try await lookUpMembers(of: stretch.events)
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

    /// Of events that were read before, those that are still shown.
    package mutating func stillShown(_ events: [Event]) async throws(StoreError) -> [Event] {
        guard !events.isEmpty else { return [] }
        try await refreshStandings()
        try await lookUpMembers(of: events)
        return events.filter { isSeen($0, facts) }
    }

    /// Events that are read in one go, and bytes of contents after which no more are: an answer stays small, and so does
    /// what is held for it.
    private static let sliceLength = 128
    private static let weightMax = 4 << 20

    private mutating func lookUpMembers(of events: [Event]) async throws(StoreError) {
        let keys = Set(events.flatMap(View(reader: principal).membersToCheck))
        if !keys.isEmpty { facts.members = try await store.members(keys) }
    }

    private mutating func refreshStandings() async throws(StoreError) {
        guard filter.reader != nil else { return }
        // Taken before they are read: whatever changes meanwhile has them read again.
        let current = committed.memberGeneration
        guard generation != current else { return }
        facts.standings = try await store.standings(of: principal)
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

    private func stretch(
        after position: Int64, limit: Int, from tail: EventTail?
    ) async throws(StoreError) -> EventStretch {
        if let events = tail?.events(after: position, limit: limit) {
            let types = filter.types
            let wanted = events.filter { (types?.contains($0.type) ?? true) && mayConcern($0) }
            return EventStretch(events: wanted, end: events.last?.position ?? position)
        }
        return try await store.events(
            matching: filter, after: position, limit: limit, standings: facts.standings)
    }
}
