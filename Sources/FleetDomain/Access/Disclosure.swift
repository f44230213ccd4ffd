/// How much of a fleet somebody else may learn. Each level includes those before it.
package enum Disclosure: Int, Sendable, Comparable {
    /// Nothing: the fleet might as well not exist.
    case hidden
    /// That it exists, its name and its organisation.
    case known
    /// How many resources of each type it has.
    case counts
    /// Which they are.
    case attributes
    /// When they are used.
    case use
    /// Everything: it is the reader's own, or the reader sees all.
    case full

    package static func < (a: Disclosure, b: Disclosure) -> Bool { a.rawValue < b.rawValue }
}

/// One federation in which a reader and an owner meet.
package struct Meeting: Sendable, Equatable {
    /// The reader's membership; nil when it coordinates the federation without a fleet in it.
    package let reader: Member?
    package let owner: Member

    package init(reader: Member?, owner: Member) {
        self.reader = reader
        self.owner = owner
    }

    /// The stricter of both sides' levels.
    package var isolationLevel: IsolationLevel { max(reader?.isolationLevel ?? .none, owner.isolationLevel) }

    var disclosure: Disclosure {
        guard owner.status.isPresent, reader?.status.isPresent ?? true else { return .hidden }
        let shares = owner.resourceSharing && reader?.resourceSharing ?? true
        switch isolationLevel {
        case .none: return shares ? .use : .known
        case .low: return shares ? .attributes : .known
        case .medium: return shares ? .counts : .known
        case .high, .sealed: return .hidden
        }
    }
}

extension Principal {
    /// Every federation in which this reader meets the fleet whose memberships are `owner`.
    package func meetings(standings: [Federation.ID: Standing], owner: [Member]) -> [Meeting] {
        owner.flatMap { ownerMember -> [Meeting] in
            guard let standing = standings[ownerMember.key.federation], standing.federation.status != .dissolved else {
                return []
            }
            let meetings = standing.members.map { Meeting(reader: $0, owner: ownerMember) }
            return coordinates(standing) ? meetings + [Meeting(reader: nil, owner: ownerMember)] : meetings
        }
    }

    /// What this reader may learn of `owner`, given every federation in which they meet.
    package func disclosure(of owner: Fleet.ID, meetings: [Meeting], permission: Permission = .fleetRead) -> Disclosure
    {
        if holds(permission, for: owner) { return .full }
        return meetings.map(\.disclosure).max() ?? .hidden
    }
}
