import FleetDomain
import FleetStore

/// The values of a statement as libpq takes them.
///
/// Their types are left to the server, which knows them from the statement. Numbers go as text, which every type of
/// number takes, and booleans; the others as the engine's own bytes.
struct Parameters {
    private static let text: Int32 = 0
    private static let binary: Int32 = 1
    /// Milliseconds from 1970 to 2000, where the engine begins to count.
    static let epoch: Int64 = 946_684_800_000

    private var bytes: [UInt8] = []
    private var starts: [Int] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []

    typealias Body = (
        _ count: Int32, UnsafePointer<UnsafePointer<CChar>?>?, _ lengths: UnsafePointer<Int32>?,
        _ formats: UnsafePointer<Int32>?
    ) -> Int32

    mutating func withPointers(to values: [SQLValue], _ body: Body) -> Int32 {
        bytes.removeAll(keepingCapacity: true)
        starts.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        formats.removeAll(keepingCapacity: true)
        for value in values { append(value) }
        return bytes.withUnsafeBytes { bytes in
            let pointers: [UnsafePointer<CChar>?] = starts.map { start in
                start < 0 ? nil : bytes.baseAddress?.advanced(by: start).assumingMemoryBound(to: CChar.self)
            }
            return body(Int32(values.count), pointers, lengths, formats)
        }
    }

    private mutating func append(_ value: SQLValue) {
        let start = bytes.count
        switch value {
        case .null:
            starts.append(-1)
            lengths.append(0)
            formats.append(Self.text)
            return
        case .integer(let value): bytes += String(value).utf8
        case .real(let value): bytes += "\(value)".utf8
        case .json(let text): bytes += text.utf8
        case .text(let text): bytes += text.utf8
        case .bytes(let value): bytes += value
        case .id(let id): withUnsafeBytes(of: id.bigEndian) { bytes += $0 }
        case .timestamp(let milliseconds):
            let microseconds = (milliseconds - Self.epoch) * 1000
            withUnsafeBytes(of: microseconds.bigEndian) { bytes += $0 }
        }
        starts.append(start)
        lengths.append(Int32(bytes.count - start))
        formats.append(value.isSentAsText ? Self.text : Self.binary)
        // What goes as text ends with a zero; what is empty has an address all the same.
        bytes.append(0)
    }
}

extension SQLValue {
    fileprivate var isSentAsText: Bool {
        switch self {
        case .null, .integer, .real, .json: true
        case .text, .bytes, .id, .timestamp: false
        }
    }
}
