import CSQLite
import FleetDomain
import FleetStore

extension Statement {
    /// Binds every parameter, with text and bytes kept in `buffer` until the next statement.
    /// - Returns: the engine's result code.
    func bind(_ values: [SQLValue], in buffer: inout BindBuffer) -> Int32 {
        buffer.begin(byteCount: values.reduce(0) { $0 + $1.byteCount })
        var index: Int32 = 0
        for value in values {
            index += 1
            let code = bind(value, at: index, in: &buffer)
            guard code == SQLITE_OK else { return code }
        }
        return SQLITE_OK
    }

    private func bind(_ value: SQLValue, at index: Int32, in buffer: inout BindBuffer) -> Int32 {
        switch value {
        case .null: return sqlite3_bind_null(handle, index)
        case .integer(let value), .timestamp(let value): return sqlite3_bind_int64(handle, index, value)
        case .real(let value): return sqlite3_bind_double(handle, index, value)
        case .text(var text), .json(var text):
            return text.withUTF8 { bytes in
                let kept = buffer.keep(UnsafeRawBufferPointer(bytes))?.assumingMemoryBound(to: CChar.self)
                return sqlite3_bind_text64(handle, index, kept, UInt64(bytes.count), nil, UInt8(SQLITE_UTF8))
            }
        case .bytes(let bytes):
            return bytes.withUnsafeBytes { bind($0, at: index, in: &buffer) }
        case .id(let id):
            return withUnsafeBytes(of: id.bigEndian) { bind($0, at: index, in: &buffer) }
        }
    }

    private func bind(_ bytes: UnsafeRawBufferPointer, at index: Int32, in buffer: inout BindBuffer) -> Int32 {
        sqlite3_bind_blob64(handle, index, buffer.keep(bytes), UInt64(bytes.count), nil)
    }

    /// The row that the last step stopped at.
    /// - Throws: `.corrupt` when a text is not UTF-8: the engine does not look.
    func row(of name: StaticString) throws(StoreError) -> SQLRow {
        var values: [SQLValue] = []
        values.reserveCapacity(Int(columnCount))
        for index in 0..<sqlite3_column_count(handle) {
            guard let value = value(at: index) else {
                throw .corrupt("\(name): column \(index) is not UTF-8")
            }
            values.append(value)
        }
        return SQLRow(values)
    }

    private func value(at index: Int32) -> SQLValue? {
        switch sqlite3_column_type(handle, index) {
        case SQLITE_INTEGER: .integer(sqlite3_column_int64(handle, index))
        case SQLITE_FLOAT: .real(sqlite3_column_double(handle, index))
        case SQLITE_TEXT: text(at: index).map { .text($0) }
        case SQLITE_BLOB: .bytes(bytes(at: index))
        default: .null
        }
    }

    private func text(at index: Int32) -> String? {
        let start = sqlite3_column_text(handle, index)
        let count = Int(sqlite3_column_bytes(handle, index))
        return String(validating: UnsafeBufferPointer(start: start, count: start == nil ? 0 : count), as: UTF8.self)
    }

    private func bytes(at index: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(handle, index) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, index))))
    }
}

extension SQLValue {
    /// The room it takes in a `BindBuffer`.
    fileprivate var byteCount: Int {
        switch self {
        case .null, .integer, .real, .timestamp: 0
        case .text(let text), .json(let text): text.utf8.count
        case .bytes(let bytes): bytes.count
        case .id: 16
        }
    }
}
