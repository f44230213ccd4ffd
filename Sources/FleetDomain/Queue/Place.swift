import FleetJSON

/// Where a waiter stands, as far as its fleet may know.
package struct Place: Sendable, Equatable {
    /// 1 is next. Those of fleets that the waiter's fleet does not know are not counted.
    package let position: Int
    /// When it would begin if nothing else came; nil when that is further than was looked.
    package let estimatedStart: Timestamp?
    /// From now to then.
    package let estimatedWait: Seconds?
    /// When it lapses.
    package let until: Timestamp
}

extension Place {
    /// Writes the member `queue` of what waits.
    func write(to writer: inout JSONWriter) {
        writer.key("queue")
        writer.beginObject()
        writer.field("position", position)
        writer.field("estimated_start", estimatedStart?.description)
        writer.field("estimated_wait_seconds", estimatedWait)
        writer.field("expires_at", until.description)
        writer.endObject()
    }
}

extension Entity {
    /// What waits, if it does.
    package var waiter: Waiter? {
        switch self {
        case .allocation(let allocation): allocation.entry?.ticket.waiter
        case .lease(let lease): lease.entry?.ticket.waiter
        default: nil
        }
    }
}
