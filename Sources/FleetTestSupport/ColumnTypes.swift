import FleetStore

/// The column types of each kind of value, where the engines name them differently.
struct ColumnTypes {
    let text: SQL.Fragment
    let real: SQL.Fragment
    let bytes: SQL.Fragment
    let id: SQL.Fragment
    let timestamp: SQL.Fragment
    let json: SQL.Fragment

    init(_ dialect: Dialect) {
        switch dialect {
        case .sqlite:
            (text, real, bytes, id, timestamp, json) = ("TEXT", "REAL", "BLOB", "BLOB", "INTEGER", "TEXT")
        case .postgres:
            // JSON, not JSONB: the text comes back as it was.
            (text, real, bytes, id, timestamp, json) = (
                "TEXT COLLATE \"C\"", "DOUBLE PRECISION", "BYTEA", "UUID", "TIMESTAMPTZ", "JSON"
            )
        }
    }
}
