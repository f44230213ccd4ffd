import FleetDomain
import FleetJSON
import FleetService
import FleetStore

/// The log as one caller is answered with it.
struct EventFeed {
    private let call: Call
    private var reader: EventReader
    /// What the messages that were handed over say, by their positions, where the caller may have it.
    private var contents: [Int64: MessageContent] = [:]

    /// - Parameter isSeen: what is shown of what the filter lets through.
    init(
        _ call: Call, _ filter: EventFilter, isSeen: @escaping @Sendable (Event, EventReader.Facts) -> Bool
    ) {
        self.call = call
        reader = EventReader(
            call.principal, filter, store: call.api.store, committed: call.api.orchestrator.committed, isSeen: isSeen)
    }

    /// As of `EventReader`.
    mutating func read(
        after: Int64, limit: Int, from tail: EventTail? = nil
    ) async throws(FleetError) -> (events: [Event], end: Int64, isCut: Bool) {
        do {
            return try await reader.read(after: after, limit: limit, from: tail)
        } catch {
            throw FleetError(storage: error)
        }
    }

    /// Readies what is about to be written: messages among the events are handed to the caller where it receives them,
    /// and what an administrator is shown by its privilege is noted; that it was noted before is not noted again. Where another
    /// process is the writer, that is left to it (`Call.takeWhatIsForWriter`).
    ///
    /// - Parameter isDone: whether the writer has done so.
    mutating func handOver(_ events: [Event], isDone: Bool = false) async throws {
        contents = try await call.handOverContents(of: events.compactMap(\.entity.asMessage), areHandedOver: isDone)
        guard !isDone else { return }
        let owners = events.filter { $0.entity.kind != .crossing }.flatMap(\.audience.parties)
        try await call.notePrivilege(towards: Set(owners), action: .eventRead)
    }

    /// The place as the reader may see it.
    func text(of place: LogPlace) -> String { call.api.positions.text(of: place, for: call.principal) }

    /// - Parameter sequence: the place of the event, which is another text each time.
    func write(_ event: Event, sequence: String, to writer: inout JSONWriter) {
        call.view.write(
            event, standings: reader.facts.standings, content: contents[event.position], sequence: sequence,
            to: &writer)
    }
}
