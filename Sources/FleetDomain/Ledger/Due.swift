import HeapModule

extension Ledger {
    /// An instant at which time alone changes something.
    struct Due: Comparable, Sendable {
        /// At the same instant, endings come before beginnings.
        enum Subject: Hashable, Sendable {
            /// A lease other than a granted one.
            case ending(Lease.ID)
            /// An allocation that waits.
            case lapse(Allocation.ID)
            /// A fleet that is to give signs of life.
            case silence(Fleet.ID)
            /// A resource of which something is no longer occupied by the buffer after a lease.
            case cooled(Resource.Key)
            /// A lease that is granted.
            case beginning(Lease.ID)

            fileprivate var rank: Int {
                switch self {
                case .ending: 0
                case .lapse: 1
                case .silence: 2
                case .cooled: 3
                case .beginning: 4
                }
            }

            fileprivate var raw: UInt128 {
                switch self {
                case .ending(let id), .beginning(let id): id.raw
                case .lapse(let id): id.raw
                case .cooled, .silence: 0
                }
            }
        }

        let at: Timestamp
        let subject: Subject

        static func < (a: Due, b: Due) -> Bool {
            if a.at != b.at { return a.at < b.at }
            if case .cooled(let a) = a.subject, case .cooled(let b) = b.subject { return a < b }
            if case .silence(let a) = a.subject, case .silence(let b) = b.subject { return a < b }
            return (a.subject.rank, a.subject.raw) < (b.subject.rank, b.subject.raw)
        }
    }

    /// Changed leases, dry runs and what was taken back leave entries that mean nothing; they are dropped before
    /// they outnumber the rest, however far ahead they lie.
    mutating func dropStaleDue() {
        if expiring.count > 2 * deliveries.count + 1024 { expiring = Heap(deliveries.values.map(Expiry.init)) }
        guard due.count > 2 * (leases.count + allocations.count + listening.count) + 1024 else { return }
        due = Heap(
            leases.values.compactMap(Due.init) + allocations.values.compactMap(Due.init)
                + listening.map { Due(at: lastTime, subject: .silence($0)) }
                + resources.values.flatMap(\.dueCooling))
    }
}

extension Ledger.Due {
    init?(_ lease: Lease) {
        guard let at = lease.nextDue else { return nil }
        self.init(at: at, subject: lease.status == .granted ? .beginning(lease.id) : .ending(lease.id))
    }

    init?(_ allocation: Allocation) {
        guard let waiting = allocation.waiting else { return nil }
        self.init(at: waiting.until, subject: .lapse(allocation.id))
    }
}

extension Resource {
    var dueCooling: [Ledger.Due] { cooling.map { Ledger.Due(at: $0.until, subject: .cooled(key)) } }
}
