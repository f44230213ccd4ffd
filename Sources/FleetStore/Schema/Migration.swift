/// One numbered step of the schema; steps only go forward, and a released one never changes.
package struct Migration: Sendable {
    package let version: Int64
    package let name: String
    let statements: [String]

    static func all(for dialect: Dialect) -> [Migration] {
        switch dialect {
        case .sqlite:
            [
                Migration(version: 1, name: "foundation", statements: sqliteFoundation),
                Migration(version: 2, name: "privilege", statements: sqlitePrivilege),
                Migration(version: 3, name: "allocation", statements: sqliteAllocation),
                Migration(version: 4, name: "queue", statements: sqliteQueue + sqliteMetrics),
                Migration(version: 5, name: "binding", statements: sqliteBinding),
                Migration(version: 6, name: "sealing", statements: sqliteSealing),
                Migration(version: 7, name: "messaging", statements: sqliteMessaging),
                Migration(version: 8, name: "presence", statements: sqlitePresence),
                Migration(version: 9, name: "webhooks", statements: sqliteWebhooks),
                Migration(version: 10, name: "audit", statements: sqliteAudit),
                Migration(version: 11, name: "bus", statements: sqliteBus),
            ]
        case .postgres: [Migration(version: 1, name: "foundation", statements: postgresFoundation)]
        }
    }
}

/// Why a database cannot be used as it is.
package enum SchemaError: Error, Equatable {
    /// It was written by a later version of the service.
    case newer(found: Int64, known: Int64)
    /// It holds somebody else's tables.
    case foreign
    /// Steps are missing and `migrate` was not asked to take them.
    case behind(found: Int64, known: Int64)
    /// The user may not take the steps, or may not read as the role that lists are read by; with the engine's words.
    case forbidden(String)
    /// The schema is there, and the user may not even look into it.
    case closed
    /// It was begun to be filled from another database, and not finished.
    case incomplete
}
