import FleetDomain
import FleetStore

/// One run of a `BusSink`: reads the log on, and hands it to the bus.
struct BusRun {
    /// Topics that are prepared in one go.
    private static let topicsAtOnce = 100
    private static let records = MetricsRegistry.Name(
        "fleet_bus_records_total", help: "Records handed to the bus, by what came of them.")

    private let parts: BusSink.Parts
    private let place: BusSink.Place
    /// Topics that are known to be there.
    private var prepared: Set<String> = []
    private var hasBegun = false
    /// Whether the bus took what it was handed last.
    private var isTrusted = false
    /// How many events it hands over in one go. Fewer after a failure, down to one: what goes before an event that the bus
    /// refuses is stored, and only that event holds up the rest.
    private var batch: Int
    /// Stretches that are published again.
    private var replays: [BusReplay] = []
    /// As of which change of what is pushed where they are.
    private var generation: UInt64?

    private var committed: CommittedLog { parts.orchestrator.committed }

    init(_ parts: BusSink.Parts, _ place: BusSink.Place) {
        self.parts = parts
        self.place = place
        batch = parts.limits.batch
    }

    /// Returns when there may be something to do.
    func sleep(_ follower: EventTail.Follower) async {
        await follower.sleep {
            committed.position > place.reached || committed.sinkGeneration != generation || !replays.isEmpty
        }
    }

    /// Hands one batch over, and one of a replay: what is live waits for it no longer than that.
    ///
    /// - Returns: whether there was something.
    /// - Throws: what stands in the way; what was stored before it counts.
    mutating func turn() async throws -> Bool {
        parts.progress.note(.kafka, position: place.reached, depth: 0)
        // Else what is not handed over would be read again and again.
        guard parts.bus.breaker.state != .open else { throw CircuitBreaker.Open() }
        try await begin()
        let isLive = try await publishNew()
        let isReplaying = try await publishAgain()
        return isLive || isReplaying
    }

    private mutating func publishNew() async throws -> Bool {
        let events = try await read(after: place.reached, upTo: committed.position, from: committed.tail)
        parts.progress.note(.kafka, position: place.reached, depth: events.count)
        guard !events.isEmpty else { return false }
        let (end, failure) = await handOver(events)
        if let end { place.reach(end) }
        parts.progress.note(.kafka, position: place.reached, depth: 0)
        if let failure { throw failure }
        return true
    }

    // MARK: Replays

    private struct BusReplay {
        let replay: EventReplay
        /// Up to where it was published.
        var position: Int64
    }

    private mutating func publishAgain() async throws -> Bool {
        try await lookForReplays()
        guard let first = replays.first else { return false }
        let (store, replay) = (parts.store, first.replay)
        let events = try await read(after: first.position, upTo: replay.to, from: nil)
        if !events.isEmpty {
            let (end, failure) = await handOver(events, replay: replay.id)
            if let end {
                replays[0].position = end
                try await store.keep([], of: .replay(replay.id), upTo: end, epoch: parts.orchestrator.epoch)
            }
            if let failure { throw failure }
        }
        if replays[0].position >= replay.to { try await complete(replay) }
        return true
    }

    private mutating func lookForReplays() async throws {
        let current = committed.sinkGeneration
        guard generation != current else { return }
        let running = try await parts.orchestrator.inspect { ledger in
            ledger.replays.values.filter(\.isToBus).sorted { $0.id < $1.id }
        }
        var found: [BusReplay] = []
        for replay in running {
            let position = try await parts.store.cursor(of: .replay(replay.id)) ?? replay.from - 1
            found.append(BusReplay(replay: replay, position: position))
        }
        replays = found
        generation = current
    }

    private mutating func complete(_ replay: EventReplay) async throws {
        let command = Command(
            operation: "replay.complete", principal: Principal(subject: Principal.system.subject, roles: []),
            requestID: SinkName.replay(replay.id).text
        ) { (ledger, context) throws(FleetError) in
            ledger.completeReplay(replay.id, &context)
            return Decision(nil)
        }
        _ = try await parts.orchestrator.submit(command)
        replays.removeFirst()
    }

    // MARK: Handing over

    /// Has the topics be there before there is anything to go to them.
    private mutating func begin() async throws {
        guard !hasBegun else { return }
        let federations = try await parts.orchestrator.inspect { ledger in
            ledger.federations.values.filter { $0.status != .dissolved }.map(\.id).sorted()
        }
        let wanted = [parts.topics.events] + federations.map(parts.topics.messages)
        let bus = parts.bus
        try await bus.breaker.run { try await bus.reach() }
        // Some at a time: a stop waits for one of these at most.
        for start in stride(from: 0, to: wanted.count, by: Self.topicsAtOnce) {
            try Task.checkCancellation()
            let some = Array(wanted[start..<min(start + Self.topicsAtOnce, wanted.count)])
            try await bus.breaker.run { try await bus.prepare(some) }
            prepared.formUnion(some)
        }
        hasBegun = true
    }

    /// Events after `position`, as many as are handed over in one go.
    ///
    /// - Parameter tail: where what is not in it is read from the store.
    private func read(after position: Int64, upTo end: Int64, from tail: EventTail?) async throws -> [Event] {
        var (events, weight): ([Event], Int) = ([], 0)
        var last = position
        while last < end, events.count < batch, weight < parts.limits.weight {
            let limit = min(batch - events.count, parts.limits.slice, Int(clamping: end - last))
            let slice: [Event] =
                if let held = tail?.events(after: last, limit: limit) { held } else {
                    try await parts.store.events(after: last, limit: limit)
                }
            guard let new = slice.last?.position else { break }
            events += slice
            weight += slice.reduce(0) { $0 + $1.weight }
            last = new
        }
        return events
    }

    /// - Returns: the position up to which everything is stored, if anything of it is, and why not all is.
    private mutating func handOver(
        _ events: [Event], replay: EventReplay.ID? = nil
    ) async -> (end: Int64?, failure: (any Error)?) {
        var records: [BusRecord] = []
        let timelines = committed.timelines
        // Of each event, how many records there are up to it.
        var counts: [Int] = []
        for event in events {
            records += parts.topics.records(of: event, on: timelines, replay: replay)
            counts.append(records.count)
        }
        let missing = Set([parts.topics.events] + events.flatMap(parts.topics.needed)).subtracting(prepared).sorted()
        let (bus, isTrusted) = (parts.bus, isTrusted)
        let (offered, topics) = (records, missing)
        var taken = 0
        var failure: (any Error)?
        do {
            try await bus.breaker.run {
                if !isTrusted { try await bus.reach() }
                if !topics.isEmpty { try await bus.prepare(topics) }
                let receipt = await bus.publish(offered)
                taken = receipt.taken
                if let failure = receipt.failure { throw failure }
            }
            prepared.formUnion(topics)
            self.isTrusted = true
            batch = min(batch * 2, parts.limits.batch)
        } catch {
            failure = error
            self.isTrusted = false
            // Somebody may have deleted one.
            prepared = []
            if !(error is CircuitBreaker.Open) { batch = max(batch / 2, 1) }
        }
        parts.metrics.count(Self.records, ["outcome": "taken"], by: Double(taken))
        if taken < records.count, !(failure is CircuitBreaker.Open) {
            parts.metrics.count(Self.records, ["outcome": "refused"], by: Double(records.count - taken))
        }
        let whole = counts.prefix { $0 <= taken }.count
        return (whole == 0 ? nil : events[whole - 1].position, failure)
    }
}
