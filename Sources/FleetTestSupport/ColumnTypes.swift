import FleetStore

/// The column types of each kind of value, where the engines name them differently.
struct ColumnTypes {
    let real: SQL.Fragment
    let bytes: SQL.Fragment
    let id: SQL.Fragment
    let timestamp: SQL.Fragment
    let json: SQL.Fragment

    init(_ dialect: Dialect) {
        switch dialect {
        case .sqlite:
            (real, bytes, id, timestamp, json) = ("REAL", "BLOB", "BLOB", "INTEGER", "TEXT")
        case .postgres:
            // JSON, not JSONB: the text comes back as it was.
            (real, bytes, id, timestamp, json) = ("DOUBLE PRECISION", "BYTEA", "UUID", "TIMESTAMPTZ", "JSON")
        }
    }
}
