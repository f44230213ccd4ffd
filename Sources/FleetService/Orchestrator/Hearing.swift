import FleetDomain
import Synchronization

/// Whether what fleets say can be heard by the process that decides, and what it leaves of it for the next.
final class Hearing: Sendable {
    private let signs: SignsOfLife?
    private let environment: Environment
    private let lost = Atomic(false)
    private let isToRenew = Atomic(false)

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
        // Once in a while, for as long as nothing can be noted.
        if !signs.isWhole { isToRenew.store(true, ordering: .releasing) }
    }

    /// Notes all signs anew where some were not noted.
    func renew(_ ledger: Ledger) {
        guard isToRenew.exchange(false, ordering: .acquiringAndReleasing), !isLost else { return }
        note(ledger.silences(until: max(environment.now(), ledger.lastTime)), of: ledger)
    }

    /// Goes on from when fleets were heard, as who decided before has noted it.
    func begin(with ledger: inout Ledger) async {
        lost.store(false, ordering: .releasing)
        guard let signs else { return }
        let now = max(environment.now(), ledger.lastTime)
        let heard = await signs.recall(Array(ledger.listening), now: now)
        ledger.recall(heard, now: now)
        note(heard.mapValues { now.milliseconds - $0.milliseconds }, of: ledger)
    }

    /// It can be again: each fleet has its interval from now on.
    func regain(with ledger: inout Ledger, now: Timestamp) {
        ledger.forgetSigns(now: now)
        note(Dictionary(ledger.listening.map { ($0, 0) }) { first, _ in first }, of: ledger)
        lost.store(false, ordering: .releasing)
    }

    /// - Parameter silences: of fleets until now, in milliseconds.
    private func note(_ silences: [Fleet.ID: Int64], of ledger: Ledger) {
        guard let signs else { return }
        let now = environment.now()
        signs.begin(environment.seed())
        for (fleet, silence) in silences where signs.isWhole {
            guard let interval = ledger.fleets[fleet]?.heartbeatInterval else { continue }
            signs.note(fleet, at: Timestamp(milliseconds: now.milliseconds - silence), interval: interval)
        }
        signs.noteListening(at: now)
    }
}
