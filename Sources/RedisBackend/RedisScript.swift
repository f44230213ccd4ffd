import Crypto

/// A script that the server runs as one step. It is sent by its hash, and whole only when the server has not seen it.
struct RedisScript: Sendable {
    private let text: String
    private let hash: String

    init(_ text: String) {
        self.text = text
        // The server's name for it, which protects nothing.
        hash = Insecure.SHA1.hash(data: Array(text.utf8)).map { byte in
            String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }.joined()
    }

    /// - Parameter isKnown: whether the server is believed to have it.
    func command(key: String, _ arguments: [[UInt8]], isKnown: Bool) -> RedisCommand {
        let head = isKnown ? ["EVALSHA", hash] : ["EVAL", text]
        return RedisCommand((head + ["1", key]).map { Array($0.utf8) } + arguments)
    }

    /// Keeps a value whose first 19 bytes are its version, unless one as new is there. Digits of one length compare as text.
    static let keep = RedisScript(
        """
        if ARGV[3] == '0' then
          local version = redis.call('GETRANGE', KEYS[1], 0, 18)
          if #version == 19 and version >= string.sub(ARGV[1], 1, 19) then return 0 end
        end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return 1
        """)

    /// Adds, and answers the sum and the milliseconds that are left of the window. One without an end gets one.
    static let count = RedisScript(
        """
        local sum = redis.call('INCRBY', KEYS[1], ARGV[1])
        local left = redis.call('PTTL', KEYS[1])
        if left < 0 then
          redis.call('PEXPIRE', KEYS[1], ARGV[2])
          left = tonumber(ARGV[2])
        end
        return {sum, left}
        """)
}

extension RedisError {
    var isUnknownScript: Bool { if case .refused(let text) = self { text.hasPrefix("NOSCRIPT") } else { false } }
}
