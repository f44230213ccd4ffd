package import FleetService

extension KafkaBus: Examinable {
    /// Each try has the patience of `reach`; together with `numberPatience` they stay below what an examination may take.
    private static let tries = 3
    private static let numberPatience = Duration.seconds(2)
    private static let rights = "give the user the rights that docs/kafka.md names"

    /// What brokers do not tell is not looked at: their version, of which the protocol knows only what they can do, and their
    /// clock.
    package func examine(_ note: Notes) async throws {
        for attempt in 1... {
            do {
                try await reach()
                break
            } catch { guard attempt < Self.tries, !Task.isCancelled else { throw error } }
        }
        note(.ok("reachable", "the brokers answer"))
        note(try await .latency { try await self.reach() })
        note(try await number())
    }

    /// Looks whether topics are there. To make one and take it back is no try, for brokers forget topics late; nor is a record,
    /// which stays.
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

    /// Whether a producer is given the number without which it hands over nothing: old brokers have none, and give none to a
    /// user who may write nowhere.
    private func number() async throws -> Finding {
        let (settings, logger) = (settings, logger)
        do {
            let isGiven = try await ask { _ throws(KafkaError) in
                let handle = try KafkaHandle(settings, for: .trial, logger: logger)
                return try handle.isNumbered(within: Self.numberPatience)
            }
            guard isGiven else {
                return .warn(
                    "permissions", "no number for a producer within \(Self.numberPatience)", "look at the brokers' log")
            }
            return .ok("permissions", "an idempotent producer is given its number")
        } catch let error as KafkaError where error.isOfPermission {
            return .fail("permissions", "\(error)", Self.rights)
        } catch let error as KafkaError where error.isOfAge {
            return .fail("version", "\(error)", "use Kafka 2.8 or newer")
        }
    }
}

extension KafkaHandle {
    /// Waits for the brokers to give the client its number.
    ///
    /// - Throws: why they do not.
    fileprivate func isNumbered(within patience: Duration) throws(KafkaError) -> Bool {
        let end = ContinuousClock.now + patience
        while ContinuousClock.now < end {
            poll(.milliseconds(50))
            if let error = fatalError { throw error }
            if notes.isNumbered { return true }
        }
        return false
    }
}
