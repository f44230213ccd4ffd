package import FleetDomain

/// The data keys of the fleets, each wrapped by a key that is kept elsewhere.
///
/// A database of its own, so that a copy of the log is not a copy of the keys, and a key that is gone is gone.
package struct KeyStore: Sendable {
    /// One of a fleet's data keys.
    package struct KeyID: Hashable, Sendable {
        package let fleet: Fleet.ID
        package let generation: Int64

        package init(fleet: Fleet.ID, generation: Int64) {
            self.fleet = fleet
            self.generation = generation
        }
    }

    package struct WrappedKey: Sendable {
        package let id: KeyID
        package let bytes: [UInt8]

        package init(id: KeyID, bytes: [UInt8]) {
            self.id = id
            self.bytes = bytes
        }
    }

    package let database: any SQLDatabase

    package init(database: any SQLDatabase) { self.database = database }

    package func prepare() async throws(StoreError) {
        // Who may not make them can use those that are there.
        try await database.prepareRoles()
        if try await isMade(), try await database.isGranted("data_keys") { return }
        let dialect = database.dialect
        try await database.commit(
            dialect.lockSchema + dialect.makeSchema + Self.schema(in: dialect) + dialect.grantTables)
    }

    package func isMade() async throws(StoreError) -> Bool {
        Set(try await database.tableNames()).isSuperset(of: ["data_keys", "labels"])
    }

    private static func schema(in dialect: Dialect) -> [SQL] {
        switch dialect {
        case .sqlite:
            [
                SQL(
                    "keys.schema",
                    """
                    CREATE TABLE IF NOT EXISTS data_keys (
                        fleet_id TEXT NOT NULL,
                        generation INTEGER NOT NULL,
                        wrapped BLOB NOT NULL,
                        PRIMARY KEY (fleet_id, generation)
                    ) STRICT
                    """),
                SQL(
                    "keys.labels_schema",
                    "CREATE TABLE IF NOT EXISTS labels (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT"),
            ]
        case .postgres:
            [
                SQL(
                    "keys.schema",
                    """
                    CREATE TABLE IF NOT EXISTS data_keys (
                        fleet_id TEXT COLLATE "C" NOT NULL,
                        generation BIGINT NOT NULL,
                        wrapped BYTEA NOT NULL,
                        PRIMARY KEY (fleet_id, generation)
                    )
                    """),
                SQL(
                    "keys.labels_schema",
                    "CREATE TABLE IF NOT EXISTS labels (name TEXT COLLATE \"C\" PRIMARY KEY, value BYTEA NOT NULL)"),
            ]
        }
    }

    package func wrappedKey(_ id: KeyID) async throws(StoreError) -> [UInt8]? {
        let row = try await database.find(
            SQL(
                "keys.find",
                "SELECT wrapped FROM data_keys WHERE fleet_id = \(id.fleet) AND generation = \(id.generation)")
        ).first
        return try row.map { (row) throws(StoreError) in try row.bytes(0) }
    }

    /// Keeps a new key, unless there is one already.
    package func insert(_ key: WrappedKey) async throws(StoreError) {
        try await database.commit([
            SQL(
                "keys.insert",
                """
                INSERT INTO data_keys (fleet_id, generation, wrapped) \
                VALUES (\(key.id.fleet), \(key.id.generation), \(SQLValue.bytes(key.bytes))) ON CONFLICT DO NOTHING
                """)
        ])
    }

    /// Destroys of each fleet the keys before this one.
    package func destroy(before keys: [KeyID]) async throws(StoreError) {
        guard !keys.isEmpty else { return }
        try await database.commit(
            keys.map { key in
                SQL(
                    "keys.destroy",
                    "DELETE FROM data_keys WHERE fleet_id = \(key.fleet) AND generation < \(key.generation)")
            })
    }

    package func allKeys() async throws(StoreError) -> [WrappedKey] {
        let rows = try await database.read(SQL("keys.all", "SELECT fleet_id, generation, wrapped FROM data_keys"))
        return try rows.map { (row) throws(StoreError) in
            WrappedKey(
                id: KeyID(fleet: try row.name(0), generation: try row.integer(1)), bytes: try row.bytes(2))
        }
    }

    /// Replaces how the keys are wrapped, and the labels that are wrapped by the same key, as one.
    package func rewrap(_ keys: [WrappedKey], labels: [String: [UInt8]]) async throws(StoreError) {
        let updates = keys.map { key in
            SQL(
                "keys.rewrap",
                """
                UPDATE data_keys SET wrapped = \(SQLValue.bytes(key.bytes)) \
                WHERE fleet_id = \(key.id.fleet) AND generation = \(key.id.generation)
                """)
        }
        try await database.commit(updates + labels.map(setLabel))
    }

    package func label(_ name: String) async throws(StoreError) -> [UInt8]? {
        let row = try await database.find(SQL("keys.label", "SELECT value FROM labels WHERE name = \(name)")).first
        return try row.map { (row) throws(StoreError) in try row.bytes(0) }
    }

    /// Keeps those of the labels that are not there yet, as one: of several who make them at once, the first does.
    package func makeLabels(_ labels: [String: [UInt8]]) async throws(StoreError) {
        try await database.commit(
            labels.sorted { $0.key < $1.key }.map { name, value in
                SQL(
                    "keys.make_label",
                    """
                    INSERT INTO labels (name, value) VALUES (\(name), \(SQLValue.bytes(value))) \
                    ON CONFLICT (name) DO NOTHING
                    """)
            })
    }

    private func setLabel(_ name: String, _ value: [UInt8]) -> SQL {
        SQL("keys.set_label", "UPDATE labels SET value = \(SQLValue.bytes(value)) WHERE name = \(name)")
    }
}
