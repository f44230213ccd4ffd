import FleetStore

/// The keyed requests of the last moments, for a twin that looked its key up before the first had committed.
///
/// Bounded: what falls out is caught by the unique key of the table, only more slowly.
struct RecentKeys {
    private var records: [UInt128: IdempotencyRecord] = [:]
    private var order: [UInt128] = []
    private var oldest = 0
    /// More than can be decided while a command waits in the mailbox at most.
    private let capacity = 65_536

    subscript(key: UInt128) -> IdempotencyRecord? { records[key] }

    mutating func insert(_ record: IdempotencyRecord) {
        if order.count < capacity {
            order.append(record.key)
        } else {
            records[order[oldest]] = nil
            order[oldest] = record.key
            oldest = (oldest + 1) % capacity
        }
        records[record.key] = record
    }
}
