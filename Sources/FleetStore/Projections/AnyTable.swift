import FleetDomain
import FleetJSON

/// A table of any rows, page by page, and how a row of it goes into the same table of another engine.
package struct AnyTable: Sendable {
    package let name: String
    package let columns: [String]
    private let keyColumns: [String]
    private let keyIndices: [Int]
    /// The row's values as our own kinds; nil when it is none that we wrote.
    private let decode: @Sendable (SQLRow) -> [SQLValue]?
    private let write: @Sendable ([SQLValue]) -> [UInt8]

    /// A projection: its rows are read as records.
    init<Row>(_ table: Table<Row>) {
        self.init(
            table.name, Row.fields.map(\.description), key: table.key,
            decode: { row in (try? table.decode(row))?.values },
            write: { values in
                guard let record = try? Row(values: values) else { return [] }
                var writer = JSONWriter()
                record.write(to: &writer)
                return writer.bytes
            })
    }

    /// What is no projection: its rows are carried as they are stored.
    init(_ name: String, _ columns: [Column], key: [String]) {
        self.init(
            name, columns.map(\.name), key: key,
            decode: { row in
                let values = zip(columns, row.values).compactMap { $0.kind.value($1) }
                return values.count == columns.count ? values : nil
            },
            write: { SQLRow($0).canonicalBytes })
    }

    private init(
        _ name: String, _ columns: [String], key: [String], decode: @escaping @Sendable (SQLRow) -> [SQLValue]?,
        write: @escaping @Sendable ([SQLValue]) -> [UInt8]
    ) {
        self.name = name
        self.columns = columns
        keyColumns = key
        keyIndices = key.compactMap(columns.firstIndex)
        self.decode = decode
        self.write = write
    }

    /// A column of a table that is carried as it is stored.
    struct Column: Sendable {
        let name: String
        let kind: Kind

        static func integer(_ name: String) -> Column { Column(name: name, kind: .integer) }
        static func text(_ name: String) -> Column { Column(name: name, kind: .text) }
        static func bytes(_ name: String) -> Column { Column(name: name, kind: .bytes) }
        static func id(_ name: String) -> Column { Column(name: name, kind: .id) }
        static func timestamp(_ name: String) -> Column { Column(name: name, kind: .timestamp) }
        static func json(_ name: String) -> Column { Column(name: name, kind: .json) }
    }

    /// What a column holds: some engines have fewer kinds than we do.
    enum Kind: Sendable {
        case integer, text, bytes, id, timestamp, json

        func value(_ value: SQLValue) -> SQLValue? {
            if value == .null { return value }
            return switch self {
            case .integer: value.asInteger.map(SQLValue.integer)
            case .text: value.asText.map(SQLValue.text)
            case .bytes: value.asBytes.map(SQLValue.bytes)
            case .id: value.asID.map(SQLValue.id)
            case .timestamp: value.asTimestamp.map { .timestamp($0.milliseconds) }
            case .json: value.asText.map(SQLValue.json)
            }
        }
    }
}

extension AnyTable {
    func page(after key: [SQLValue]?, size: Int) -> SQL {
        let order = keyColumns.joined(separator: ", ")
        let marks = keyColumns.map { _ in "?" }.joined(separator: ", ")
        let condition = key == nil ? "" : "WHERE (\(order)) > (\(marks))"
        return SQL(
            "table.page",
            text: "SELECT \(columns.joined(separator: ", ")) FROM \(name) \(condition) ORDER BY \(order) LIMIT \(size)",
            values: key ?? [])
    }

    func key(of row: SQLRow) -> [SQLValue] { keyIndices.map { row.values[$0] } }

    /// What the row means, which is the same on each engine; one that cannot be read is like no other.
    func meaning(of row: SQLRow) -> [UInt8] { decode(row).map(write) ?? row.canonicalBytes }

    /// Puts the row, of whatever engine, into this table of another.
    ///
    /// - Throws: `.corrupt` when it is no row that we wrote.
    func insert(_ row: SQLRow) throws(StoreError) -> SQL {
        guard let values = decode(row) else { throw .corrupt("a row of \(name) that cannot be read") }
        let marks = values.map { _ in "?" }.joined(separator: ", ")
        return SQL(
            "table.insert",
            text: "INSERT INTO \(name) (\(columns.joined(separator: ", "))) VALUES (\(marks))", values: values)
    }

    /// One row if there is any.
    var anyRow: SQL { SQL("table.any", text: "SELECT 1 FROM \(name) LIMIT 1") }
}
