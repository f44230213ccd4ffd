/// What a member of a federation is entitled to of one resource type, and how much of it may change hands there.
package struct Quota: Sendable, Equatable {
    package struct Key: Hashable, Sendable, Comparable {
        package let member: Member.Key
        package let type: ResourceType

        package init(member: Member.Key, type: ResourceType) {
            self.member = member
            self.type = type
        }

        package static func < (a: Key, b: Key) -> Bool {
            (a.member.federation, a.member.fleet, a.type) < (b.member.federation, b.member.fleet, b.type)
        }
    }

    package let key: Key
    /// What is the fleet's own.
    package var nominal: Int64
    /// The most of it that others may hold at any instant; nil is all.
    package var lendingLimit: Int64?
    /// The most that the fleet may hold of others' at any instant; nil is no limit.
    package var borrowingLimit: Int64?
    /// Its weight where fleets share what is free.
    package var weight: Int64
    /// It no longer holds; the fleet is again limited only by what it owns.
    package var isRemoved: Bool
    package var version: Int64
    package let createdAt: Timestamp
    package var updatedAt: Timestamp

    /// The most that the fleet may lend at any instant.
    package var lendable: Int64 { min(lendingLimit ?? nominal, nominal) }
}

/// How much of a quota is used, as of the last event.
package struct QuotaUse: Sendable, Equatable {
    package let lent: Int64
    package let borrowed: Int64
    /// Of its own, in whichever federation.
    package let own: Int64
    /// Whether more than the limits allow is promised at any instant from now on. Nothing is taken back, and nothing
    /// new begins there.
    package let isOverCommitted: Bool
}
