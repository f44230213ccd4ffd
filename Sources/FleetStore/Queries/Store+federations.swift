package import FleetDomain

package struct FederationFilter: Sendable {
    package var status: FederationStatus?
    /// Federations in which this fleet is a member that the reader may see.
    package var fleet: Fleet.ID?
    /// A part of the name, in any case.
    package var text: String?

    package init(status: FederationStatus? = nil, fleet: Fleet.ID? = nil, text: String? = nil) {
        self.status = status
        self.fleet = fleet
        self.text = text
    }
}

extension Store {
    /// What ties the reader to one federation, or nil when there is no such federation.
    package func standing(of reader: Principal, in id: Federation.ID) async throws(StoreError) -> Standing? {
        let rows = try await database.find(
            SQL(
                "federation.standing",
                """
                SELECT \(Tables.federations.aliasedColumns), \(Tables.members.aliasedColumns) \
                FROM fleet_federations AS f LEFT JOIN fleet_federation_members AS m \
                ON m.federation_id = f.federation_id AND m.fleet_id IN \(list: reader.fleets.sorted()) \
                WHERE f.federation_id = \(id)
                """))
        return try standings(rows)[id]
    }

    /// Every federation that the reader is tied to: it coordinates it or acts for a member.
    package func standings(of reader: Principal) async throws(StoreError) -> [Federation.ID: Standing] {
        try standings(await database.read(standingsQuery(reader), within: RowScope(reader)))
    }

    func standingsQuery(_ reader: Principal) -> SQL {
        SQL(
            "federations.standings",
            """
            SELECT \(Tables.federations.aliasedColumns), \(Tables.members.aliasedColumns) \
            FROM fleet_federations AS f LEFT JOIN fleet_federation_members AS m \
            ON m.federation_id = f.federation_id AND m.fleet_id IN \(list: reader.fleets.sorted()) \
            WHERE f.federation_id IN (\(reader.coordinatedFederations(nil))) \
            OR f.federation_id IN (SELECT o.federation_id FROM fleet_federation_members AS o \
            WHERE o.fleet_id IN \(list: reader.fleets.sorted()) AND o.status <> 'left')
            """)
    }

    func standings(_ rows: [SQLRow]) throws(StoreError) -> [Federation.ID: Standing] {
        var standings: [Federation.ID: Standing] = [:]
        for row in rows {
            let federation = try Tables.federations.decode(row)
            let offset = Federation.fields.count
            let member = row.isNull(offset) ? nil : try Tables.members.decode(row, from: offset)
            let members = (standings[federation.id]?.members ?? []) + (member.map { [$0] } ?? [])
            standings[federation.id] = Standing(federation: federation, members: members)
        }
        return standings
    }

    package func federations(
        for reader: Principal, _ filter: FederationFilter, after: Federation.ID?, size: Int
    ) async throws(StoreError) -> Page<Standing> {
        var conditions = [reader.seesFederation("f.federation_id")]
        if let status = filter.status { conditions.append("f.status = \(status.rawValue)") }
        if let text = filter.text {
            conditions.append("LOWER(f.name) LIKE \(SQL.contains(text)) ESCAPE '!'")
        }
        if let fleet = filter.fleet {
            conditions.append(
                """
                EXISTS (SELECT 1 FROM fleet_federation_members AS m WHERE m.federation_id = f.federation_id \
                AND m.fleet_id = \(fleet) AND \(reader.seesMember))
                """)
        }
        if let after { conditions.append("f.federation_id > \(after)") }
        let answers = try await database.read(
            [
                SQL(
                    "federations.page",
                    Tables.federations.aliasedSelect
                        + "WHERE \(SQL.all(conditions)) ORDER BY f.federation_id LIMIT \(size + 1)"),
                SQL(
                    "members.own",
                    Tables.members.aliasedSelect + "WHERE m.fleet_id IN \(list: reader.fleets.sorted())"),
            ], within: RowScope(reader))
        let members = try answers[1].map { (row) throws(StoreError) in try Tables.members.decode(row) }
        let found = try answers[0].map { (row) throws(StoreError) in
            let federation = try Tables.federations.decode(row)
            return Standing(federation: federation, members: members.filter { $0.key.federation == federation.id })
        }
        return Page(found: found, size: size)
    }

    /// The members of one federation that the reader may see.
    package func members(
        of federation: Federation.ID, for reader: Principal, after: Fleet.ID?, size: Int
    ) async throws(StoreError) -> Page<Member> {
        var conditions: [SQL.Fragment] = ["m.federation_id = \(federation)", reader.seesMember]
        if let after { conditions.append("m.fleet_id > \(after)") }
        let rows = try await database.read(
            SQL(
                "members.page",
                Tables.members.aliasedSelect + "WHERE \(SQL.all(conditions)) ORDER BY m.fleet_id LIMIT \(size + 1)"),
            within: RowScope(reader))
        return Page(
            found: try rows.map { (row) throws(StoreError) in try Tables.members.decode(row) }, size: size)
    }

    /// Keys asked for in one statement: engines bound the depth of an expression, SQLite to 1,000.
    private static let keysMax = 400

    /// The memberships of these keys, as far as there are any; at most a page's worth of keys.
    package func members(_ keys: Set<Member.Key>) async throws(StoreError) -> [Member.Key: Member] {
        guard !keys.isEmpty else { return [:] }
        let keys = Array(keys)
        let queries = stride(from: 0, to: keys.count, by: Self.keysMax).map { first in
            let slice = keys[first..<min(first + Self.keysMax, keys.count)]
            let pairs: [SQL.Fragment] = slice.map {
                "(m.federation_id = \($0.federation) AND m.fleet_id = \($0.fleet))"
            }
            return SQL("members.of_keys", Tables.members.aliasedSelect + "WHERE \(SQL.any(pairs))")
        }
        let rows = try await database.read(queries).flatMap(\.self)
        let members = try rows.map { (row) throws(StoreError) in try Tables.members.decode(row) }
        return Dictionary(members.map { ($0.key, $0) }) { _, last in last }
    }

    package func member(_ key: Member.Key) async throws(StoreError) -> Member? {
        let row = try await database.find(
            SQL(
                "member.find",
                Tables.members.select + "WHERE federation_id = \(key.federation) AND fleet_id = \(key.fleet)")
        ).first
        return try row.map { (row) throws(StoreError) in try Tables.members.decode(row) }
    }
}

extension SQL {
    /// A pattern for `LIKE … ESCAPE '!'` that finds `text` anywhere, in lower case.
    static func contains(_ text: String) -> String {
        let escaped = text.lowercased().map { "!%_".contains($0) ? "!\($0)" : String($0) }.joined()
        return "%\(escaped)%"
    }
}
