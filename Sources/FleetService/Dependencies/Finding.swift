import FleetDomain

/// What one check of something that the service needs found.
package struct Finding: Sendable, Equatable {
    package enum Level: String, Sendable {
        case ok
        /// The service runs, and not as it should.
        case warn
        /// The service does not run, or does without what is configured.
        case fail = "FAIL"
    }

    package let level: Level
    /// What was looked at: a word.
    package let check: String
    /// One line; no secret.
    package let text: String
    /// What to do; nil when nothing is to be done.
    package let advice: String?

    package static func ok(_ check: String, _ text: String) -> Finding {
        Finding(level: .ok, check: check, text: text, advice: nil)
    }

    package static func warn(_ check: String, _ text: String, _ advice: String) -> Finding {
        Finding(level: .warn, check: check, text: text, advice: advice)
    }

    package static func fail(_ check: String, _ text: String, _ advice: String) -> Finding {
        Finding(level: .fail, check: check, text: text, advice: advice)
    }
}

/// What takes findings as they are made: those of a dependency that then hangs are not lost.
package typealias Notes = @Sendable (Finding) -> Void

/// A dependency that can be looked at before the service uses it.
package protocol Examinable: Sendable {
    /// Looks at everything, and leaves nothing behind. It may hang; whoever asks keeps the time.
    ///
    /// - Throws: why it cannot be used; the description holds no secret.
    func examine(_ note: Notes) async throws
}

extension Finding {
    /// Round trips that a latency is made of.
    private static let roundTrips = 20
    private static let slow = Duration.milliseconds(50)
    /// What the clocks of two hosts that are kept by NTP stay far below.
    private static let skewMax: Int64 = 1000

    /// How long a round trip takes.
    package static func latency(_ roundTrip: () async throws -> Void) async throws -> Finding {
        var times: [Duration] = []
        for _ in 0..<roundTrips {
            let begin = ContinuousClock.now
            try await roundTrip()
            times.append(ContinuousClock.now - begin)
        }
        times.sort()
        let (median, longest) = (times[roundTrips / 2], times[roundTrips - 1])
        let text = "median \(text(median)), max \(text(longest)) of \(roundTrips) round trips"
        guard median > slow else { return ok("latency", text) }
        return warn("latency", text, "bring it nearer: each commit or look-up waits for it")
    }

    private static func text(_ duration: Duration) -> String {
        let microseconds = duration / .microseconds(1)
        return microseconds < 10_000 ? "\(Int(microseconds)) us" : "\(Int(microseconds / 1000)) ms"
    }

    /// - Parameter ask: the other clock in milliseconds since 1970.
    package static func clock(_ ask: () async throws -> Int64) async throws -> Finding {
        let before = Environment.system.now().milliseconds
        let theirs = try await ask()
        let after = Environment.system.now().milliseconds
        // It was read at some time in between.
        let skew = theirs < before ? theirs - before : max(0, theirs - after)
        let text = "\(skew >= 0 ? "+" : "")\(skew) ms against this host"
        guard abs(skew) > skewMax else { return ok("clock", text) }
        return warn("clock", text, "let NTP keep the time of both hosts")
    }

    /// - Parameter supported: the major versions that are tested.
    package static func version(
        _ product: String, _ version: String, supported: ClosedRange<Int>
    ) -> Finding {
        let text = "\(product) \(version)"
        guard let major = Int(version.prefix { $0.isNumber }) else {
            return warn("version", "\(text), which is no number", "use \(product) \(supported.lowerBound) or newer")
        }
        if major < supported.lowerBound {
            return fail("version", "\(text) is too old", "use \(product) \(supported.lowerBound) or newer")
        }
        guard major > supported.upperBound else { return ok("version", text) }
        return warn(
            "version", "\(text) is newer than what is tested",
            "use \(product) \(supported.lowerBound) to \(supported.upperBound), or try it first")
    }
}
