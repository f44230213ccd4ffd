import FleetDomain
import Synchronization

/// Whether what fleets say can be heard by the process that decides, and what it leaves of it for the next.
final class Hearing: Sendable {
    private let signs: SignsOfLife?
    private let environment: Environment
    private let lost = Atomic(false)
    /// When all signs are to be noted anew, and how often that was tried in vain; nil while they are all noted.
    private let renewal = Mutex<(at: ContinuousClock.Instant, failures: Int)?>(nil)
    private static let backoff = Backoff(first: .seconds(1), longest: .seconds(60))
    /// Signs that are noted before the memory is asked whether it follows.
    private static let slice = 1000

    init(_ signs: SignsOfLife?, _ environment: Environment) {
        self.signs = signs
        self.environment = environment
    }

    /// Whether it could not be for a while, so that no fleet is to be blamed for its silence.
    var isLost: Bool { lost.load(ordering: .acquiring) }

    func lose() { lost.store(true, ordering: .releasing) }

    func note(_ fleet: Fleet.ID, interval: Seconds) {
        if !isLost { signs?.note(fleet, at: environment.now(), interval: interval) }
    }

    func noteListening() {
        guard !isLost, let signs else { return }
        signs.noteListening(at: environment.now())
        let isWhole = signs.isWhole
        renewal.withLock { $0 = isWhole ? nil : $0 ?? (.now, 0) }
    }

    /// Notes all signs anew where some were not noted; more and more seldom, where that is in vain.
    func renew(_ ledger: Ledger) async {
        guard let due = renewal.withLock({ $0 }), ContinuousClock.now >= due.at, !isLost else { return }
        await note(ledger.silences(until: max(environment.now(), ledger.lastTime)), of: ledger)
        let next = ContinuousClock.now + Self.backoff.pause(after: due.failures)
        renewal.withLock { $0 = $0.map { _ in (next, due.failures + 1) } }
    }

    /// Goes on from when fleets were heard, as who decided before has noted it.
    func begin(with ledger: inout Ledger) async {
        lost.store(false, ordering: .releasing)
        guard let signs else { return }
        let now = max(environment.now(), ledger.lastTime)
        let heard = await signs.recall(Array(ledger.listening), now: now)
        ledger.recall(heard, now: now)
        await note(heard.mapValues { now.milliseconds - $0.milliseconds }, of: ledger)
    }

    /// It can be again: each fleet has its interval from now on.
    func regain(with ledger: inout Ledger, now: Timestamp) async {
        ledger.forgetSigns(now: now)
        await note(Dictionary(ledger.listening.map { ($0, 0) }) { first, _ in first }, of: ledger)
        lost.store(false, ordering: .releasing)
    }

    /// - Parameter silences: of fleets until now, in milliseconds.
    private func note(_ silences: [Fleet.ID: Int64], of ledger: Ledger) async {
        guard let signs else { return }
        let now = environment.now()
        signs.begin(environment.seed())
        for (index, (fleet, silence)) in silences.enumerated() {
            if index % Self.slice == Self.slice - 1 { await signs.catchUp() }
            guard signs.isWhole else { return }
            guard let interval = ledger.fleets[fleet]?.heartbeatInterval else { continue }
            signs.note(fleet, at: Timestamp(milliseconds: now.milliseconds - silence), interval: interval)
        }
        signs.noteListening(at: now)
    }
}
