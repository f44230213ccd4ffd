package import FleetDomain

/// The record that a keyed request had its effect: what was asked, and where in the log the effect stands.
///
/// It holds no answer: the answer is rendered again from the events, after today's permission check.
package struct IdempotencyRecord: Sendable, Equatable {
    /// Seconds for which a key answers for its request.
    package static let lifetime: Seconds = 86_400

    /// Half a SHA-256 of principal, method, path and key.
    package let key: UInt128
    /// Half a SHA-256 of the body and the query.
    package let fingerprint: UInt128
    /// The event of the effect that the answer is rendered from.
    package let position: Int64
    package let at: Timestamp
    /// Whether a record of the same key, older than a day, makes room for this one.
    package let replacesExpired: Bool

    package init(
        key: UInt128, fingerprint: UInt128, position: Int64, at: Timestamp, replacesExpired: Bool = false
    ) {
        self.replacesExpired = replacesExpired
        self.key = key
        self.fingerprint = fingerprint
        self.position = position
        self.at = at
    }

    var statements: [SQL] { replacesExpired ? [removeExpired, insert] : [insert] }

    private var insert: SQL {
        SQL(
            "idempotency.insert",
            """
            INSERT INTO idempotency_keys (key_hash, fingerprint, position, at) \
            VALUES (\(SQLValue.id(key)), \(SQLValue.id(fingerprint)), \(position), \(at))
            """)
    }

    /// Makes room for a key whose record has outlived its day.
    private var removeExpired: SQL {
        SQL(
            "idempotency.remove",
            "DELETE FROM idempotency_keys WHERE key_hash = \(SQLValue.id(key)) AND at <= \(at - Self.lifetime)")
    }

    static func find(_ key: UInt128) -> SQL {
        SQL(
            "idempotency.find",
            "SELECT key_hash, fingerprint, position, at FROM idempotency_keys WHERE key_hash = \(SQLValue.id(key))")
    }

    init(_ row: SQLRow) throws(StoreError) {
        let key: ID<Never> = try row.id(0)
        let fingerprint: ID<Never> = try row.id(1)
        self.init(
            key: key.raw, fingerprint: fingerprint.raw, position: try row.integer(2), at: try row.timestamp(3))
    }
}
