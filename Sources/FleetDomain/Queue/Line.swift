import DequeModule

/// What waits: an allocation, or a lease of a resource that was asked for by name.
package enum Waiter: Hashable, Sendable {
    case allocation(Allocation.ID)
    case lease(Lease.ID)

    var raw: UInt128 {
        switch self {
        case .allocation(let id): id.raw
        case .lease(let id): id.raw
        }
    }
}

/// Where a waiter stands among those of its fleet.
package struct Ticket: Comparable, Sendable {
    let priority: Priority
    /// A stronger request took something away from it: it goes ahead of its equals.
    let isDisplaced: Bool
    /// The end of the log when it came.
    let arrival: Int64
    let waiter: Waiter

    package static func < (a: Ticket, b: Ticket) -> Bool {
        if a.priority != b.priority { return a.priority > b.priority }
        if a.isDisplaced != b.isDisplaced { return a.isDisplaced }
        return (a.arrival, a.waiter.raw) < (b.arrival, b.waiter.raw)
    }
}

/// All that waits for one type in one federation.
package struct Line: Sendable, Equatable {
    package struct Key: Hashable, Comparable, Sendable {
        let federation: Federation.ID
        let type: ResourceType

        package static func < (a: Key, b: Key) -> Bool { (a.federation, a.type) < (b.federation, b.type) }
    }

    /// Requests of one fleet for the same quantities: what its nominal leaves is enough for each of them, or for none.
    package struct Group: Hashable, Sendable {
        let fleet: Fleet.ID
        /// Of each type, all items together.
        let quantities: [ResourceType: Int64]
        /// Whether they were asked for a later time, and not from the moment on.
        let isLater: Bool
        /// Whether a part of the quantity will do.
        let acceptsPart: Bool
    }

    private(set) var groups: [Group: Deque<Ticket>] = [:]

    var isEmpty: Bool { groups.isEmpty }
    package var count: Int { groups.values.reduce(0) { $0 + $1.count } }

    mutating func insert(_ ticket: Ticket, in group: Group) {
        let place = groups[group].map { $0.place(of: ticket) } ?? 0
        groups[group, default: Deque()].insert(ticket, at: place)
    }

    mutating func remove(_ ticket: Ticket, from group: Group) {
        guard let place = groups[group]?.place(of: ticket), groups[group]?[place] == ticket else { return }
        groups[group]?.remove(at: place)
        if groups[group]?.isEmpty == true { groups[group] = nil }
    }
}

extension Deque<Ticket> {
    /// The index of the first that does not stand before `ticket`. Who comes last stands at the end, as a rule.
    func place(of ticket: Ticket) -> Int {
        if let last, last < ticket { return count }
        return partitionPoint { $0 < ticket }
    }
}

/// What an entry of the queue is, as the line sees it.
struct Entry {
    let federation: Federation.ID
    let group: Line.Group
    let ticket: Ticket

    var lines: [Line.Key] { group.quantities.keys.map { Line.Key(federation: federation, type: $0) } }
}

extension Allocation {
    /// Its entry in the queue while it waits.
    var entry: Entry? {
        guard let waiting, !status.isFinal else { return nil }
        return Entry(
            federation: federation,
            group: Line.Group(
                fleet: target,
                quantities: waiting.items.reduce(into: [:]) { $0[$1.type, default: 0] += $1.quantity },
                isLater: waiting.latest != nil || waiting.earliest > waiting.since,
                acceptsPart: acceptsPart),
            ticket: Ticket(
                priority: priority, isDisplaced: preemptions > 0, arrival: waiting.arrival, waiter: .allocation(id)))
    }
}

extension Lease {
    /// Its entry in the queue while it waits.
    var entry: Entry? {
        guard status == .queued else { return nil }
        return Entry(
            federation: federation,
            group: Line.Group(
                fleet: target, quantities: [resourceType: quantity], isLater: startsAt > createdAt, acceptsPart: false),
            ticket: Ticket(priority: priority, isDisplaced: preemptions > 0, arrival: arrival ?? 0, waiter: .lease(id)))
    }
}

/// Limits of the queue's work: each round of it stays short, and the rest is done in the next.
package enum QueueLimits {
    /// Waiters that one round asks whether they can be served.
    package static let triesPerRound = 256
    /// Waiters within their nominal for which units are kept, of one line.
    static let keptFor = 32
    /// Resources that a waiter's request looks at for all starts after the first.
    static let looksPerTry = 200
    /// Events of which an estimate looks ahead, waiters that it asks meanwhile, and instants that it passes.
    static let foreseenMax = 100
    static let foreseenTries = 200
    static let foreseenInstants = 10_000
}
