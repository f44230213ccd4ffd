/// A fleet's membership of one federation over the time that is measured.
package struct MembershipHistory: Sendable {
    package let fleet: Fleet.ID
    private let states: [State]

    /// How it was since one of its changes.
    package struct State: Sendable {
        let since: Timestamp
        /// Of the change, in the log.
        let position: Int64
        package let member: Member

        package init(since: Timestamp, position: Int64, _ member: Member) {
            self.since = since
            self.position = position
            self.member = member
        }
    }

    /// A membership that has not changed in the time that is measured.
    package init(_ member: Member) {
        fleet = member.key.fleet
        states = [State(since: member.updatedAt, position: 0, member)]
    }

    /// - Parameter states: after every event of the membership, in the order of the log.
    package init?(_ states: [State]) {
        guard let first = states.first else { return nil }
        fleet = first.member.key.fleet
        self.states = states
    }

    package func state(at time: Timestamp) -> Member? { states.last { $0.since <= time }?.member }

    /// When the fleet took part, up to `end`.
    package func presence(until end: Timestamp) -> [Window] {
        states.indices.compactMap { index in
            let next = index + 1 < states.count ? states[index + 1].since : end
            return states[index].member.status.isPresent
                ? Window(from: states[index].since, to: min(next, end)) : nil
        }
    }

    /// When, and by which event, what is known of it changed.
    var changes: [(at: Timestamp, position: Int64)] { states.map { ($0.since, $0.position) } }

    /// Whether the fleet took part when the event at `position` of the log happened.
    package func isPresent(at position: Int64) -> Bool {
        states.last { $0.position < position }?.member.status.isPresent ?? false
    }

    /// The mildest level that was in force at `time`. A level that changed within this very millisecond may have
    /// changed before or after, and nobody is accused on a doubt.
    package func mildestLevel(at time: Timestamp) -> IsolationLevel? {
        let before = states.last { $0.since < time }
        let levels = states.filter { $0.since == time }.map(\.member.isolationLevel)
        return (levels + (before.map { [$0.member.isolationLevel] } ?? [])).min()
    }
}

extension Member {
    /// Whether it was before `time` what it is now.
    package func isUnchanged(since time: Timestamp) -> Bool { updatedAt < time }
}
