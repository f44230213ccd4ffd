import CHiredis

/// hiredis' parser of replies, building Swift values. It is used by one thread at a time, that of its connection.
final class ReplyReader {
    /// Far above what we keep: more is no answer to anything that we ask.
    static let bytesMax = 8 << 20
    /// The same of the elements of one array.
    static let elementsMax: Int32 = 1 << 12

    /// A reply while it is parsed: hiredis names the parts by the pointer that it was given for them.
    private final class Node {
        let reply: Reply
        var parts: [Node] = []

        init(_ reply: Reply) { self.reply = reply }

        var whole: Reply {
            if case .array = reply { .array(parts.map(\.whole)) } else { reply }
        }
    }

    private let reader: UnsafeMutablePointer<redisReader>

    init() {
        guard let reader = redisReaderCreateWithFunctions(Self.functions) else {
            preconditionFailure("there is no memory for a reader of replies")
        }
        self.reader = reader
    }

    deinit { redisReaderFree(reader) }

    /// - Throws: `RedisError.malformed`; the reader is of no further use then.
    func feed(_ bytes: UnsafeRawBufferPointer) throws(RedisError) {
        guard let base = bytes.bindMemory(to: CChar.self).baseAddress else { return }
        guard redisReaderFeed(reader, base, bytes.count) == REDIS_OK, reader.pointee.len <= Self.bytesMax else {
            throw .malformed
        }
    }

    /// The next whole reply; nil while it has not all come.
    func next() throws(RedisError) -> Reply? {
        var reply: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &reply) == REDIS_OK else { throw .malformed }
        guard let reply else { return nil }
        return Unmanaged<Node>.fromOpaque(reply).takeRetainedValue().whole
    }

    // MARK: What hiredis calls

    // Never freed, as every reader has it, and not changed after it was made.
    private nonisolated(unsafe) static let functions: UnsafeMutablePointer<redisReplyObjectFunctions> = {
        let functions = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        functions.initialize(
            to: redisReplyObjectFunctions(
                createString: { task, text, length in
                    ReplyReader.add(
                        ReplyReader.reply(task, UnsafeRawBufferPointer(start: text, count: length)), to: task)
                },
                createArray: { task, count in
                    // No pointer makes hiredis give up.
                    count <= ReplyReader.elementsMax ? ReplyReader.add(.array([]), to: task) : nil
                },
                createInteger: { task, value in ReplyReader.add(.integer(Int64(value)), to: task) },
                createNil: { task in ReplyReader.add(.null, to: task) },
                freeObject: { object in
                    if let object { Unmanaged<Node>.fromOpaque(object).release() }
                }))
        return functions
    }()

    private static func reply(_ task: UnsafePointer<redisReadTask>?, _ bytes: UnsafeRawBufferPointer) -> Reply {
        switch task?.pointee.type {
        case REDIS_REPLY_STATUS: .status(String(decoding: bytes, as: UTF8.self))
        case REDIS_REPLY_ERROR: .error(String(decoding: bytes, as: UTF8.self))
        default: .bytes(Array(bytes))
        }
    }

    /// hiredis owns the root, and a part is owned by what it is a part of.
    private static func add(_ reply: Reply, to task: UnsafePointer<redisReadTask>?) -> UnsafeMutableRawPointer? {
        let node = Node(reply)
        guard let parent = task?.pointee.parent?.pointee.obj else { return Unmanaged.passRetained(node).toOpaque() }
        Unmanaged<Node>.fromOpaque(parent).takeUnretainedValue().parts.append(node)
        return Unmanaged.passUnretained(node).toOpaque()
    }
}
