/// What a member has lent and borrowed of a type in a federation, in unit-seconds that fade: of what was promised one
/// half-life ago, half still counts.
///
/// It follows from the leases' events. Who has lent least for what it offers is asked first.
package struct Balance: Sendable, Equatable {
    package let key: Quota.Key
    package private(set) var lent: Int64
    package private(set) var borrowed: Int64
    /// As of when the two are given.
    package private(set) var asOf: Timestamp

    package init(key: Quota.Key, lent: Int64 = 0, borrowed: Int64 = 0, asOf: Timestamp) {
        self.key = key
        self.lent = lent
        self.borrowed = borrowed
        self.asOf = asOf
    }

    /// What was borrowed, less so many percent of what was lent; never less than nothing.
    func borrowed(less percent: Int64) -> Int64 {
        max(0, borrowed - Int64(Int128(lent) * Int128(percent) / 100))
    }

    /// The balance at a later time, with what is promised more or, if negative, less than before.
    func adding(lent: Int64 = 0, borrowed: Int64 = 0, at now: Timestamp, halfLife: Seconds) -> Balance {
        let now = max(asOf, now)
        func changed(_ value: Int64, by change: Int64) -> Int64 {
            let (sum, overflow) = Decay.left(of: value, after: now.seconds(since: asOf), halfLife: halfLife)
                .addingReportingOverflow(change)
            return overflow ? .max : max(0, sum)
        }
        return Balance(
            key: key, lent: changed(self.lent, by: lent), borrowed: changed(self.borrowed, by: borrowed), asOf: now)
    }
}

/// Exponential decay in fixed point, so that it comes out the same on every machine.
enum Decay {
    /// 2^-(2^-k) for k from 1 to 16, times 2^32.
    private static let roots: [Int64] = [
        3_037_000_500, 3_611_622_603, 3_938_502_376, 4_112_874_773, 4_202_935_003, 4_248_701_965, 4_271_771_996,
        4_283_353_945, 4_289_156_690, 4_292_061_010, 4_293_513_907, 4_294_240_540, 4_294_603_903, 4_294_785_595,
        4_294_876_445, 4_294_921_870,
    ]

    /// What is left of `value` after `elapsed`: `value · 2^-(elapsed ÷ halfLife)`, to one part in 2^14.
    static func left(of value: Int64, after elapsed: Seconds, halfLife: Seconds) -> Int64 {
        guard value > 0, elapsed > 0, halfLife > 0 else { return value }
        let whole = elapsed / halfLife
        guard whole < 63 else { return 0 }
        let part = Int64(Int128(elapsed % halfLife) * 65_536 / Int128(halfLife))
        var left = Int128(value >> whole)
        for (index, root) in roots.enumerated() where part & (32_768 >> Int64(index)) != 0 {
            left = (left * Int128(root)) >> 32
        }
        return Int64(left)
    }
}

extension Balance: Record {
    package static var fields: [StaticString] {
        ["federation_id", "fleet_id", "resource_type", "lent", "borrowed", "as_of"]
    }

    package var values: [FieldValue] {
        [
            .id(key.member.federation), .name(key.member.fleet), .name(key.type), .integer(lent), .integer(borrowed),
            .time(asOf),
        ]
    }

    package init(reading reader: inout RecordReader) throws(RecordError) {
        let member = try Member.Key(federation: reader.id(), fleet: reader.name())
        key = try Quota.Key(member: member, type: reader.name())
        lent = try reader.integer()
        borrowed = try reader.integer()
        asOf = try reader.time()
    }
}

extension Lease {
    /// What it takes of its lender, in unit-seconds: what is promised, or once it has ended what was used.
    var unitSeconds: Int64 {
        switch status {
        case .queued, .pending, .rejected, .expired, .cancelled, .noShow: 0
        case .granted, .active, .overdue, .revoking, .preempting: quantity * duration
        case .completed, .revoked, .preempted: quantity * max(0, (endedAt ?? endsAt).seconds(since: startsAt))
        }
    }

    var changesHands: Bool { source != target }
}
