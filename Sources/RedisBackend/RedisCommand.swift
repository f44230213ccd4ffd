import CHiredis
import NIOCore

/// A command with its arguments.
struct RedisCommand: Sendable {
    let arguments: [[UInt8]]

    init(_ arguments: [[UInt8]]) { self.arguments = arguments }

    init(_ words: String...) { arguments = words.map { Array($0.utf8) } }

    /// Appends the command as hiredis formats it.
    func write(to buffer: inout ByteBuffer) throws(RedisError) {
        let bytes = Array(arguments.joined())
        let lengths = arguments.map(\.count)
        var text: UnsafeMutablePointer<CChar>?
        let length = bytes.withUnsafeBytes { all in
            let base = all.bindMemory(to: CChar.self).baseAddress
            var offset = 0
            var starts: [UnsafePointer<CChar>?] = arguments.map { argument in
                defer { offset += argument.count }
                return base.map { $0 + offset }
            }
            return redisFormatCommandArgv(&text, Int32(arguments.count), &starts, lengths)
        }
        guard length >= 0, let text else { throw .malformed }
        defer { redisFreeCommand(text) }
        buffer.writeBytes(UnsafeRawBufferPointer(start: text, count: Int(length)))
    }
}
