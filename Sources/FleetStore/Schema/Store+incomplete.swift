import FleetDomain

/// A database that is being filled from another one is marked, and nothing serves it until it is whole.
///
/// The mark is a step of the schema that no program knows, so that also one which knows nothing of marks refuses it. A log
/// may be too long for one transaction; with the mark all of it becomes visible in the one that takes the mark away.
extension Store {
    static let incompleteVersion = Int64.max

    /// Whether the database was begun to be filled from another one, and not finished.
    package func isIncomplete() async throws(StoreError) -> Bool {
        guard try await database.tableNames().contains("fleet_schema_migrations") else { return false }
        return try await database.read(
            SQL(
                "schema.incomplete",
                "SELECT 1 FROM fleet_schema_migrations WHERE version = \(Self.incompleteVersion)")
        ).first != nil
    }

    static func markIncomplete(at now: Timestamp) -> SQL {
        SQL(
            "schema.mark",
            """
            INSERT INTO fleet_schema_migrations (version, name, applied_at) \
            VALUES (\(incompleteVersion), \("incomplete: run migrate --from --to again"), \(now.milliseconds))
            """)
    }

    static var unmark: SQL {
        SQL("schema.unmark", "DELETE FROM fleet_schema_migrations WHERE version = \(incompleteVersion)")
    }
}

extension SQLDatabase {
    /// Empties tables at once, however much they hold.
    func clear(_ tables: [AnyTable]) -> [SQL] {
        switch dialect {
        case .sqlite: tables.map { SQL("table.clear", text: "DELETE FROM \($0.name)") }
        case .postgres: [SQL("table.clear", text: "TRUNCATE \(tables.map(\.name).joined(separator: ", "))")]
        }
    }

    /// The first of these tables that holds anything.
    func firstFilled(of tables: [AnyTable]) async throws(StoreError) -> String? {
        let answers = try await read(tables.map(\.anyRow))
        return zip(tables, answers).first { !$1.isEmpty }?.0.name
    }
}
