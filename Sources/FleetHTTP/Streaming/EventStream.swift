import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import HTTPTypes
import HummingbirdCore
import NIOCore

/// The log as Server-Sent Events, as far as one reader may see it: what came after a position, and then what comes.
struct EventStream {
    /// Events of one round; memory stays flat however far behind the reader is.
    private static let roundLength = 100
    /// Bytes after which what a round has so far is written.
    private static let partLength = 64 << 10

    private let call: Call
    private var feed: EventFeed
    private let follower: EventTail.Follower
    private var place: LogPlace
    private var wasAtEnd = false
    /// Since when it has been too far behind.
    private var behindSince: ContinuousClock.Instant?
    private var lastWrite = ContinuousClock.now
    private var lastPulse: UInt64 = 0
    private var lastCheck = ContinuousClock.now
    private var keyGeneration: UInt64

    private var limits: EdgeLimits { call.request.limits }
    private var committed: CommittedLog { call.api.orchestrator.committed }

    /// - Parameter place: after which it begins.
    init(_ call: Call, _ feed: EventFeed, after place: LogPlace, _ follower: EventTail.Follower) {
        self.call = call
        self.feed = feed
        self.place = place
        self.follower = follower
        keyGeneration = call.api.orchestrator.committed.keyGeneration
    }

    /// Writes until the reader leaves, may read no more, falls too far behind, or the service stops.
    mutating func run(_ writer: inout any ResponseBodyWriter) async throws {
        // With the place, so that who is cut before the first event goes on from here.
        try await write(": events\nretry: 1000\n\(idLine)\n", &writer)
        while !follower.isEnded, !Task.isCancelled, await isStillKnown() {
            let timeline = committed.timeline
            let (events, end, _) = try await feed.read(
                after: place.position, limit: Self.roundLength, from: committed.tail)
            let next = LogPlace(position: end, timeline: timeline)
            // Else what was read is not what would have followed the reader's place when it came there.
            guard committed.holds(place), committed.holds(next) else {
                return try await endWithResync("log_restarted", place: "", &writer)
            }
            if !events.isEmpty {
                try await handOver(events)
                var text = ""
                for event in events {
                    append(event, on: timeline, to: &text)
                    guard text.utf8.count > Self.partLength else { continue }
                    try await write(text, &writer)
                    text = ""
                }
                if !text.isEmpty { try await write(text, &writer) }
            }
            place = next
            if end >= committed.position { wasAtEnd = true }
            if isTooFarBehind() { return try await endWithResync("too_far_behind", place: idLine, &writer) }
            // At a pulse only: at what the reader may not see it would tell that something happened.
            let pulse = committed.tail.pulses
            defer { lastPulse = pulse }
            if pulse != lastPulse, ContinuousClock.now - lastWrite > limits.heartbeatDuration {
                // The place moves on over what the reader may not see.
                try await write(": heartbeat\n\(idLine)\n", &writer)
            }
            guard end >= committed.position else { continue }
            await follower.sleep { [committed] in committed.position > end }
        }
    }

    /// Readies what is about to be written. At a follower the writer is asked for the same events by the same caller: so it
    /// hands over what is in them, and records what has to be.
    private mutating func handOver(_ events: [Event]) async throws {
        try await feed.handOver(events)
        guard call.takeWhatIsForWriter() else { return }
        let answer = try await call.api.forwarder.forward(
            listing(events), ByteBuffer(), by: call.api.replica, isRepeatable: true)
        if let answer, answer.status != .ok {
            throw FleetError(.storageUnavailable, "The process that decides does not hand these events over.")
        }
        try await feed.handOver(events, isDone: answer != nil)
        _ = call.takeWhatIsForWriter()
    }

    /// The question for events as a list, with the same filter.
    private func listing(_ events: [Event]) -> EdgeRequest {
        var target = "\(API.base)/events?after=\(feed.text(of: place))&limit=\(events.count)"
        for name in ["types", "federation_id"] {
            if let value = call.query[name] { target += "&\(name)=\(value)" }
        }
        return call.request.asking(for: target)
    }

    private mutating func endWithResync(
        _ reason: StaticString, place: String, _ writer: inout any ResponseBodyWriter
    ) async throws {
        try await write("event: resync\n\(place)data: {\"reason\":\"\(reason)\"}\n\n", &writer)
    }

    /// Whether the reader was at the end and has been too far from it for too long: one large batch is no slow reader.
    private mutating func isTooFarBehind() -> Bool {
        guard wasAtEnd, committed.position - place.position > limits.streamLagMax else {
            behindSince = nil
            return false
        }
        let since = behindSince ?? .now
        behindSince = since
        return ContinuousClock.now - since >= limits.streamLagDuration
    }

    private var idLine: String { "id: \(feed.text(of: place))\n" }

    private func append(_ event: Event, on timeline: Int64, to text: inout String) {
        let sequence = feed.text(of: LogPlace(position: event.position, timeline: timeline))
        var json = JSONWriter(capacity: 1024)
        feed.write(event, sequence: sequence, to: &json)
        text += "id: \(sequence)\nevent: \(EventType.prefix)\(event.type.rawValue)\ndata: "
        // A content is as it was written: line breaks between its tokens would end the line here.
        text += json.string.utf8.contains(where: isLineBreak) ? onOneLine(json.string) : json.string
        text += "\n\n"
    }

    private func isLineBreak(_ byte: UInt8) -> Bool { byte == 10 || byte == 13 }

    private func onOneLine(_ json: String) -> String {
        String(decoding: json.utf8.map { isLineBreak($0) ? UInt8(ascii: " ") : $0 }, as: UTF8.self)
    }

    private mutating func write(_ text: String, _ writer: inout any ResponseBodyWriter) async throws {
        try await writer.write(ByteBuffer(string: text))
        lastWrite = .now
    }

    /// Whether the credential still holds: looked at when any key was revoked, and every few seconds. While that cannot
    /// be found out, it does.
    private mutating func isStillKnown() async -> Bool {
        let generation = committed.keyGeneration
        guard generation != keyGeneration || ContinuousClock.now - lastCheck > limits.heartbeatDuration / 2 else {
            return true
        }
        keyGeneration = generation
        lastCheck = .now
        do throws(FleetError) {
            return try await call.api.authenticator.principal(for: call.request.headers) == call.principal
        } catch {
            return error.code != .unauthenticated && error.code != .invalidCredentials
        }
    }
}
