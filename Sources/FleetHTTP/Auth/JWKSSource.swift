import Crypto
package import FleetDomain
import FleetService
package import Logging
import ServiceLifecycle
import Synchronization

/// The current keys of the issuer, kept up to date from a file or a URL while it runs as a service.
///
/// What is read is compared as bytes, not by a file's time: times are coarse, and a file behind a symbolic link is
/// replaced without one. When a reading fails the last good keys stay in force.
package final class JWKSSource: Service {
    /// The keys at one moment. `generation` grows with every change, so that what was verified before can be forgotten.
    package struct Snapshot: Sendable {
        package let generation: UInt64
        package let set: JWKSet
        /// Names these keys alike in every process that has them.
        package let digest: String

        init(generation: UInt64, set: JWKSet, content: [UInt8]) {
            self.generation = generation
            self.set = set
            digest = Base64URL.encode(Array(SHA256.hash(data: content)))
        }
    }

    private struct State {
        var snapshot: Snapshot
        /// What was read last, good or not.
        var content: [UInt8]
        var failure: JWKSError?
        var isRefreshing = false
        var reading: Task<Outcome, Never>?
        var waiters: [CheckedContinuation<Bool, Never>] = []
        var unknownKeySeen: Timestamp?
    }

    /// More would only hold requests open for a token that is most likely forged.
    private static let waitersMax = 1000

    private let location: JWKSLocation
    private let logger: Logger
    private let state: Mutex<State>

    /// Reads the keys for the first time; a source that is missing or unusable is an error of the configuration.
    package init(_ location: JWKSLocation, logger: Logger) async throws(JWKSError) {
        let content = try await location.read()
        let snapshot = Snapshot(generation: 0, set: try await JWKSet(parsing: content), content: content)
        self.location = location
        self.logger = logger
        self.state = Mutex(State(snapshot: snapshot, content: content))
    }

    package var current: Snapshot { state.withLock { $0.snapshot } }

    package func run() async throws {
        await withTaskCancellationOrGracefulShutdownHandler {
            await cancelWhenGracefulShutdown {
                while (try? await Task.sleep(for: self.location.refreshInterval)) != nil { await self.refresh() }
            }
        } onCancelOrGracefulShutdown: {
            self.state.withLock { $0.reading }?.cancel()
        }
    }

    /// The snapshot that has this key, after another reading when it is unknown and one is due; else nil.
    package func snapshot(having keyID: String, at now: Timestamp) async -> Snapshot? {
        if let known = snapshotIfKnown(keyID) { return known }
        if mayRefreshForUnknownKey(at: now) { await refresh() }
        // Looked at again in any case: another reading may have ended since.
        return snapshotIfKnown(keyID)
    }

    private func snapshotIfKnown(_ keyID: String) -> Snapshot? {
        let snapshot = current
        return snapshot.set.keys[keyID] == nil ? nil : snapshot
    }

    /// Reads the source again, or waits for the reading that is under way.
    package func refresh() async {
        guard await beginRefresh() else { return }
        // Goes on when who asked for it has given up: others wait for it.
        let reading = Task { await read() }
        state.withLock { $0.reading = reading }
        let outcome = await reading.value
        if case .new(let set, _) = outcome {
            logger.info("the key set has changed", metadata: ["kids": "\(set.keys.keys.sorted())"])
        }
        let (waiters, failure) = state.withLock { state in
            let failureBefore = state.failure
            Self.take(outcome, into: &state)
            defer { state.waiters = [] }
            state.isRefreshing = false
            return (state.waiters, state.failure == failureBefore ? nil : state.failure)
        }
        for waiter in waiters { waiter.resume(returning: false) }
        // Once per failure, not once a second.
        if let failure { logger.warning("the key set was not refreshed", metadata: ["reason": "\(failure)"]) }
    }

    private enum Outcome {
        case same
        case new(JWKSet, content: [UInt8])
        case unusable(JWKSError, content: [UInt8])
        case unreadable(JWKSError)
    }

    private func read() async -> Outcome {
        let content: [UInt8]
        do { content = try await location.read() } catch { return .unreadable(error) }
        guard content != state.withLock({ $0.content }) else { return .same }
        do { return .new(try await JWKSet(parsing: content), content: content) } catch {
            return .unusable(error, content: content)
        }
    }

    private static func take(_ outcome: Outcome, into state: inout State) {
        switch outcome {
        case .same:
            break
        case .new(let set, let content):
            state.snapshot = Snapshot(
                generation: state.snapshot.generation + 1, set: set, content: content)
            state.content = content
            state.failure = nil
        case .unusable(let error, let content):
            state.content = content
            state.failure = error
        case .unreadable(let error):
            // What comes next is looked at even when it is what was there before.
            state.content = []
            state.failure = error
        }
    }

    /// True for the one caller that has to read; false for the others, when it has read.
    private func beginRefresh() async -> Bool {
        await withCheckedContinuation { continuation in
            let answer: Bool? = state.withLock { state in
                guard state.isRefreshing else {
                    state.isRefreshing = true
                    return true
                }
                guard state.waiters.count < Self.waitersMax else { return false }
                state.waiters.append(continuation)
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }

    private func mayRefreshForUnknownKey(at now: Timestamp) -> Bool {
        state.withLock { state in
            if state.isRefreshing { return true }
            // A clock that was set back must not close this for long.
            if let seen = state.unknownKeySeen, seen <= now, now < seen + location.unknownKeyInterval { return false }
            state.unknownKeySeen = now
            return true
        }
    }
}
