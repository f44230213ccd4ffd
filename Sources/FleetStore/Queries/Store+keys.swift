package import FleetDomain

extension Store {
    /// The unrevoked key that the digest of a presented credential belongs to.
    package func key(digest: [UInt8]) async throws(StoreError) -> APIKey? {
        let row = try await database.find(
            SQL("key.find", Tables.keys.select + "WHERE digest = \(SQLValue.bytes(digest)) AND revoked_at IS NULL")
        ).first
        return try row.map { (row) throws(StoreError) in try Tables.keys.decode(row) }
    }

    /// All keys for who may manage all, else those that the reader made.
    package func keys(for reader: Principal, after: APIKey.ID?, size: Int) async throws(StoreError) -> Page<APIKey> {
        var conditions: [SQL.Fragment] = [
            reader.holdsEverywhere(.keyManage) ? "1 = 1" : "created_by = \(reader.subject)"
        ]
        if let after { conditions.append("key_id > \(after)") }
        let rows = try await database.read(
            SQL(
                "keys.page",
                Tables.keys.select + "WHERE \(SQL.all(conditions)) ORDER BY key_id LIMIT \(size + 1)"),
            within: RowScope(reader))
        return Page(found: try rows.map { (row) throws(StoreError) in try Tables.keys.decode(row) }, size: size)
    }
}
