import NIOCore
import Testing

@testable import RedisBackend

@Suite("A reader of replies")
struct ReplyReaderTests {
    private func read(_ text: String, by size: Int = .max) throws -> [Reply] {
        let reader = ReplyReader()
        var replies: [Reply] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let chunk = Array(rest.prefix(size))
            rest = rest.dropFirst(size)
            try chunk.withUnsafeBytes { try reader.feed($0) }
            while let reply = try reader.next() { replies.append(reply) }
        }
        return replies
    }

    private static let text =
        "+OK\r\n:-7\r\n$5\r\nhe\r\nl\r\n$0\r\n\r\n$-1\r\n-ERR no\r\n*3\r\n:1\r\n*2\r\n$1\r\na\r\n$-1\r\n*0\r\n*-1\r\n"
    private static let replies: [Reply] = [
        .status("OK"), .integer(-7), .bytes(Array("he\r\nl".utf8)), .bytes([]), .null, .error("ERR no"),
        .array([.integer(1), .array([.bytes(Array("a".utf8)), .null]), .array([])]), .null,
    ]

    @Test("makes the same of the bytes however they come", arguments: [1, 2, 3, 7, 1000])
    func chunks(size: Int) throws {
        #expect(try read(Self.text, by: size) == Self.replies)
    }

    @Test(
        "refuses what is no reply, and what is too large to be one",
        arguments: ["HTTP/1.1 200 OK\r\n", "*100000\r\n", ":abc\r\n?\r\n", "*2147483647\r\n"])
    func malformed(text: String) {
        #expect(throws: RedisError.malformed) { _ = try read(text) }
    }

    @Test("refuses an answer that does not end")
    func endless() {
        let reader = ReplyReader()
        let megabyte = Array(repeating: UInt8(ascii: "a"), count: 1 << 20)
        #expect(throws: RedisError.malformed) {
            try Array("$100000000\r\n".utf8).withUnsafeBytes { try reader.feed($0) }
            for _ in 0..<10 {
                try megabyte.withUnsafeBytes { try reader.feed($0) }
                #expect(try reader.next() == nil)
            }
        }
    }

    @Test("An argument is written with its length, whatever its bytes are")
    func command() throws {
        var buffer = ByteBuffer()
        try RedisCommand([Array("SET".utf8), [0, 13, 10], []]).write(to: &buffer)
        #expect(Array(buffer.readableBytesView) == Array("*3\r\n$3\r\nSET\r\n$3\r\n\0\r\n\r\n$0\r\n\r\n".utf8))
    }
}
