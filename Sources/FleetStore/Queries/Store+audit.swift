package import FleetDomain
import FleetJSON

/// One record of the log as the tree over it takes it.
package struct AuditLeaf: Sendable {
    package let position: Int64
    /// nil when what is stored is no id.
    package let id: Event.ID?
    /// The columns of the row but its position, as a JSON array: any byte that changes in the row changes here.
    package let bytes: [UInt8]

    /// - Parameter row: of `EventLog.stored`.
    fileprivate init(_ row: SQLRow) throws(StoreError) {
        position = try row.integer(0)
        id = row.values[1].asID.map(Event.ID.init(raw:))
        var writer = JSONWriter(capacity: 1024)
        writer.beginArray()
        for (index, value) in row.values.enumerated().dropFirst() {
            switch value {
            case .null: writer.null()
            case .integer(let value), .timestamp(let value): writer.value(value)
            case .real(let value): writer.value(value)
            case .text(let text), .json(let text): writer.value(text)
            case .bytes(let bytes) where index == 1: writer.value(hexadecimal(bytes))
            case .bytes(let bytes): writer.value(utf8: bytes)
            case .id: writer.value(hexadecimal(value.asBytes ?? []))
            }
        }
        writer.endArray()
        bytes = writer.bytes
    }
}

private func hexadecimal(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}

private let digits = Array("0123456789abcdef".utf8)

/// Up to 256 neighbouring hashes of the tree: on level 0 those of leaves, above the roots of full tiles below.
package struct AuditTile: Sendable, Equatable {
    package static let width = 256
    package static let hashLength = 32

    package let level: Int
    package let number: Int64
    /// One after the other.
    package var hashes: [UInt8]

    package init(level: Int, number: Int64, hashes: [UInt8] = []) {
        self.level = level
        self.number = number
        self.hashes = hashes
    }

    package var count: Int { hashes.count / Self.hashLength }

    package subscript(index: Int) -> [UInt8] {
        Array(hashes[index * Self.hashLength..<(index + 1) * Self.hashLength])
    }
}

/// The tree over the log. Its tiles are no projection: they come after the commit, and can be made again from the log.
extension Store {
    /// Records after `position` in order, at most `limit`.
    package func auditLeaves(after position: Int64, limit: Int) async throws(StoreError) -> [AuditLeaf] {
        let rows = try await database.read(EventLog.stored(after: position, limit: limit, in: database.dialect))
        return try rows.map { (row) throws(StoreError) in try AuditLeaf(row) }
    }

    /// How many records the tree holds.
    package func auditTreeSize() async throws(StoreError) -> Int64 {
        let last = try await tiles("level = 0 ORDER BY number DESC LIMIT 1").first
        return last.map { $0.number * Int64(AuditTile.width) + Int64($0.count) } ?? 0
    }

    package func auditTile(level: Int, number: Int64) async throws(StoreError) -> AuditTile? {
        try await tiles("level = \(level) AND number = \(number)").first
    }

    private func tiles(_ condition: SQL.Fragment) async throws(StoreError) -> [AuditTile] {
        let rows = try await database.find(
            SQL("audit.tiles", "SELECT level, number, hashes FROM audit_tiles WHERE " + condition))
        return try rows.map { (row) throws(StoreError) in
            AuditTile(level: Int(try row.integer(0)), number: try row.integer(1), hashes: try row.bytes(2))
        }
    }

    /// Keeps tiles, in the place of those that were less full, as one.
    ///
    /// - Throws: `.superseded` when another than of this epoch was elected.
    package func keep(_ tiles: [AuditTile], epoch: Int64) async throws(StoreError) {
        try await database.commit(
            guardTerm(epoch)
                + tiles.map { tile in
                    SQL(
                        "audit.keep_tile",
                        """
                        INSERT INTO audit_tiles (level, number, hashes) \
                        VALUES (\(tile.level), \(tile.number), \(SQLValue.bytes(tile.hashes))) \
                        ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes
                        """)
                })
    }

    /// The checkpoint that covers most, if there is one.
    package func lastCheckpoint() async throws(StoreError) -> Checkpoint? {
        let rows = try await database.find(
            SQL("audit.last_checkpoint", Tables.checkpoints.select + "ORDER BY tree_size DESC LIMIT 1"))
        return try rows.first.map { (row) throws(StoreError) in try Tables.checkpoints.decode(row) }
    }

    /// Checkpoints that cover more than `size` records, at most `limit`.
    package func checkpoints(after size: Int64, limit: Int) async throws(StoreError) -> [Checkpoint] {
        let rows = try await database.read(
            SQL(
                "audit.checkpoints",
                Tables.checkpoints.select + "WHERE tree_size > \(size) ORDER BY tree_size LIMIT \(limit)"))
        return try rows.map { (row) throws(StoreError) in try Tables.checkpoints.decode(row) }
    }

    /// Whether there is anything after `position` that a checkpoint is worth: another checkpoint is not.
    package func isCheckpointDue(after position: Int64) async throws(StoreError) -> Bool {
        let rows = try await database.find(
            SQL(
                "audit.due",
                """
                SELECT 1 FROM events WHERE position > \(position) AND type <> \(EventType.auditCheckpointed.rawValue) \
                LIMIT 1
                """))
        return !rows.isEmpty
    }

    /// The position of the record with this id.
    package func position(ofRecord id: Event.ID) async throws(StoreError) -> Int64? {
        let row = try await database.find(
            SQL("audit.position", "SELECT position FROM events WHERE event_id = \(id)")
        ).first
        return try row.map { (row) throws(StoreError) in try row.integer(0) }
    }
}
