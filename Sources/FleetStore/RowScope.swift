package import FleetDomain

/// The rows that one reader may be shown at most, as the engine itself keeps it: the coarse last line behind the predicates
/// of the queries.
///
/// On PostgreSQL a list is read by the role `readerRole`, which policies on the rows narrow to what the scope names
/// (`Migration.postgresRowSecurity`): a predicate that is forgotten shows an empty list, not another's rows. It is wider than
/// what the reader may see, which the predicates say. Single objects are read without it, because who asks for what is hidden
/// is told that it is absent, and the denial is recorded. SQLite has no roles, and its file no other reader.
package struct RowScope: Sendable, Equatable {
    /// Administrators and auditors.
    let isEverything: Bool
    let fleets: [Fleet.ID]
    /// Those that it was named a coordinator of.
    let federations: [Federation.ID]
    let subject: String

    package init(_ reader: Principal) {
        isEverything = reader.holdsEverywhere(.federationRead)
        fleets = reader.fleets.sorted()
        federations = reader.federations.sorted()
        subject = reader.subject
    }

    /// What reads lists on PostgreSQL. It may do nothing else.
    static let readerRole = "fleet_coordination_reader"
    /// What serves: it reads and writes rows, and changes no schema.
    static let writerRole = "fleet_coordination_writer"

    /// Narrows the transaction that it runs in.
    package var enter: SQL {
        SQL(
            "scope.enter",
            """
            SELECT set_config('role', \(Self.readerRole), TRUE), \
            set_config('fleet_coordination.sees_all', \(isEverything ? "on" : "off"), TRUE), \
            set_config('fleet_coordination.fleets', \(Self.list(fleets)), TRUE), \
            set_config('fleet_coordination.federations', \(Self.list(federations)), TRUE), \
            set_config('fleet_coordination.subject', \(subject), TRUE)
            """)
    }

    /// No id holds a comma.
    private static func list(_ ids: [some CustomStringConvertible]) -> String {
        ids.map(\.description).joined(separator: ",")
    }
}
