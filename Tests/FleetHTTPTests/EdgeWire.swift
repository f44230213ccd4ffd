import FleetJSON
import NIOCore
import NIOPosix
import Testing

/// A TCP connection on which a test sends what it likes, and reads responses.
final class EdgeWire {
    struct Response {
        let status: Int
        /// By name in lower case.
        let headers: [String: String]
        let body: String

        /// The member of a JSON body.
        func member(_ name: String) -> JSON? { (try? JSON.parse(body))?.objectValue?[name] }
        var code: String? { member("code")?.stringValue }
    }

    struct Ended: Error {}

    private let iterator: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var bytes = ""

    static func open(_ port: Int, _ body: (EdgeWire) async throws -> Void) async throws {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 1 << 16))
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
        try await channel.executeThenClose { inbound, outbound in
            try await body(EdgeWire(iterator: inbound.makeAsyncIterator(), outbound: outbound))
        }
    }

    private init(
        iterator: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
        outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
        self.iterator = iterator
        self.outbound = outbound
    }

    func send(_ text: String) async throws { try await outbound.write(ByteBuffer(string: text)) }

    /// Sends a request with the headers that each needs.
    func request(_ line: String, _ headers: [String] = [], body: String? = nil) async throws {
        var text = "\(line) HTTP/1.1\r\nHost: localhost\r\n" + headers.map { $0 + "\r\n" }.joined()
        if let body { text += "Content-Length: \(body.utf8.count)\r\n" }
        try await send(text + "\r\n" + (body ?? ""))
    }

    func closeOutput() { outbound.finish() }

    /// The next response; `isHead` when it answers a HEAD.
    func response(isHead: Bool = false) async throws -> Response {
        while !bytes.contains("\r\n\r\n") { try await readMore() }
        let parts = bytes.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        let lines = parts[0].split(separator: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let field = line.split(separator: ":", maxSplits: 1)
            headers[field[0].lowercased()] = String(field.count > 1 ? field[1].drop { $0 == " " } : "")
        }
        let status = Int(lines[0].split(separator: " ")[1]) ?? 0
        bytes = String(parts[1])
        let length = isHead || status == 100 || status == 204 ? 0 : Int(headers["content-length"] ?? "0") ?? 0
        while bytes.utf8.count < length { try await readMore() }
        let body = String(bytes.prefix(length))
        bytes.removeFirst(body.count)
        return Response(status: status, headers: headers, body: body)
    }

    /// Reads until the server has closed its side; what came is the result.
    func readToEnd() async throws -> String {
        defer { bytes = "" }
        do { while true { try await readMore() } } catch is Ended { return bytes }
    }

    /// Nothing more comes: the server has closed its side.
    func expectEnd(_ sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let rest = try await readToEnd()
        #expect(rest.isEmpty, sourceLocation: sourceLocation)
    }

    private func readMore() async throws {
        var iterator = iterator
        guard let more = try await iterator.next() else { throw Ended() }
        bytes += String(buffer: more)
    }
}

/// Sends one request on a connection of its own.
func edgeExchange(
    _ server: EdgeTestServer, _ line: String, _ headers: [String] = [], body: String? = nil
) async throws -> EdgeWire.Response {
    var response: EdgeWire.Response?
    try await EdgeWire.open(server.port) { wire async throws in
        try await wire.request(line, headers, body: body)
        response = try await wire.response(isHead: line.hasPrefix("HEAD"))
    }
    return try #require(response)
}
