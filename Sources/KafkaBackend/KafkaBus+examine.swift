package import FleetService

extension KafkaBus: Examinable {
    /// Each try has the patience of `reach`; together they stay below what an examination may take.
    private static let tries = 4

    /// What brokers do not tell is not looked at: their version (the protocol has none; whether they know idempotent
    /// producers shows when records are handed over) and their clock.
    package func examine(_ note: Notes) async throws {
        for attempt in 1... {
            do {
                try await reach()
                break
            } catch { guard attempt < Self.tries, !Task.isCancelled else { throw error } }
        }
        note(.ok("reachable", "the brokers answer"))
        note(
            .ok("version", "not told by the protocol; one without idempotent producers is refused when records go out"))
        note(try await .latency { try await self.reach() })
    }

    /// Looks whether topics are there. To make one and take it back is no try: brokers forget topics late.
    package func examine(_ topics: [String], _ note: Notes) async throws {
        try await examine(note)
        let (settings, logger) = (settings, logger)
        let missing = try await ask { handle throws(KafkaError) in
            try KafkaTopics(handle: handle, settings: settings, logger: logger).missing(of: topics)
        }
        note(
            missing.isEmpty
                ? .ok("topics", topics.count == 1 ? "the topic is there" : "all \(topics.count) are there")
                : .warn(
                    "topics", "not there: \(missing.joined(separator: ", "))",
                    "nothing where the service may make topics; else make them, as docs/kafka.md says"))
    }
}
