import CPostgres
import FleetDomain
import FleetStore

/// The types that come back, by their numbers in the server's catalogue.
private enum TypeID {
    static let bool: UInt32 = 16
    static let bytes: UInt32 = 17
    static let int8: UInt32 = 20
    static let int2: UInt32 = 21
    static let int4: UInt32 = 23
    static let texts: Set<UInt32> = [18, 19, 25, 1042, 1043]
    static let json: UInt32 = 114
    static let float8: UInt32 = 701
    static let timestamp: UInt32 = 1184
    static let void: UInt32 = 2278
    static let uuid: UInt32 = 2950
    static let jsonb: UInt32 = 3802
}

extension PostgresConnection {
    func rows(of result: OpaquePointer, for name: StaticString) throws(StoreError) -> [SQLRow] {
        let columns = PQnfields(result)
        let types = (0..<columns).map { PQftype(result, $0) }
        var rows: [SQLRow] = []
        rows.reserveCapacity(Int(PQntuples(result)))
        for row in 0..<PQntuples(result) {
            var values: [SQLValue] = []
            values.reserveCapacity(Int(columns))
            for column in 0..<columns {
                guard PQgetisnull(result, row, column) == 0 else {
                    values.append(.null)
                    continue
                }
                let bytes = UnsafeRawBufferPointer(
                    start: PQgetvalue(result, row, column), count: Int(PQgetlength(result, row, column)))
                guard let value = SQLValue(bytes, type: types[Int(column)]) else {
                    throw .failed("\(name): column \(column) is of type \(types[Int(column)]), which is not read here")
                }
                values.append(value)
            }
            rows.append(SQLRow(values))
        }
        return rows
    }
}

extension SQLValue {
    /// - Returns: nil when the bytes are of no type that we store.
    fileprivate init?(_ bytes: UnsafeRawBufferPointer, type: UInt32) {
        switch type {
        case TypeID.int8: self = .integer(Self.integer(bytes, Int64.self))
        case TypeID.int4: self = .integer(Int64(Self.integer(bytes, Int32.self)))
        case TypeID.int2: self = .integer(Int64(Self.integer(bytes, Int16.self)))
        case TypeID.bool: self = .integer(bytes.first == 1 ? 1 : 0)
        case TypeID.float8: self = .real(Double(bitPattern: Self.integer(bytes, UInt64.self)))
        case TypeID.uuid: self = .id(Self.integer(bytes, UInt128.self))
        case TypeID.timestamp:
            let microseconds = Self.integer(bytes, Int64.self)
            let rest = microseconds % 1000
            // Down, also before 2000.
            self = .timestamp(microseconds / 1000 - (rest < 0 ? 1 : 0) + Parameters.epoch)
        case TypeID.bytes: self = .bytes(Array(bytes))
        case TypeID.json: self = .json(String(decoding: bytes, as: UTF8.self))
        // A byte with the version of its form goes before.
        case TypeID.jsonb: self = .json(String(decoding: bytes.dropFirst(), as: UTF8.self))
        case TypeID.void: self = .null
        case _ where TypeID.texts.contains(type): self = .text(String(decoding: bytes, as: UTF8.self))
        default: return nil
        }
    }

    private static func integer<Integer: FixedWidthInteger>(
        _ bytes: UnsafeRawBufferPointer, _: Integer.Type
    ) -> Integer {
        bytes.count == MemoryLayout<Integer>.size ? Integer(bigEndian: bytes.loadUnaligned(as: Integer.self)) : 0
    }
}
