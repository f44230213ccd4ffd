import AsyncHTTPClient
import FleetJSON
import FleetService
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization

/// Statements over ClickHouse's HTTP interface. The password travels in a header, never in a URL.
final class ClickHouseClient: Sendable {
    private let settings: ClickHouseSettings
    private let limits: ClickHouseLimits
    private let http: HTTPClient
    let breaker = CircuitBreaker()
    /// Which address answered last.
    private let preferred = Mutex(0)
    /// Whether tokens count for what the server puts together, and it knows the setting: from 22.12 on. Rows are told apart
    /// without them.
    private let takesTokens = Mutex(false)

    init(_ settings: ClickHouseSettings, limits: ClickHouseLimits) {
        self.settings = settings
        self.limits = limits
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        configuration.timeout = .init(connect: TimeAmount(limits.connect))
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = limits.connections
        // Else it would try again to connect, for as long as the request may take.
        configuration.connectionPool.retryConnectionEstablishment = false
        if let roots = settings.trustRoots {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = roots
            configuration.tlsConfiguration = tls
        }
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    func close() async { try? await http.shutdown() }

    // MARK: Statements

    /// The rows of an answer.
    func read(_ sql: ClickHouseSQL, _ parameters: ClickHouseParameters = ClickHouseParameters()) async throws -> [Row] {
        // The server gives up first, and says so: that a statement is slow does not mean that nobody answers.
        let patience = limits.read + .seconds(1)
        let rows = try await breaker.run { try await self.send(self.reading(parameters), sql.text, patience) }.get()
        return try rows.split(separator: UInt8(ascii: "\n")).map { line in
            guard let values = try? JSON.parse(line).arrayValue else {
                throw ClickHouseError.malformed("a row of its answer is no JSON array")
            }
            return Row(values: values)
        }
    }

    private func reading(_ parameters: ClickHouseParameters) -> [(String, String)] {
        [
            ("default_format", "JSONCompactEachRow"), ("output_format_json_quote_64bit_integers", "0"),
            // Else a failure on the way would follow a status that says success.
            ("wait_end_of_query", "1"),
            ("max_execution_time", String(limits.read.components.seconds)),
            ("max_result_rows", String(limits.rowsMax)), ("max_result_bytes", String(limits.bytesMax)),
            ("result_overflow_mode", "throw"),
            // A row's partition follows from its key.
            ("do_not_merge_across_partitions_select_final", "1"),
        ] + parameters.texts.map { ("param_" + $0.name, $0.text) }
    }

    /// Inserts rows, each a JSON object on a line; returns when they are kept. The server puts together what many insert
    /// at a time, and takes for one what comes again under the same token.
    func insert(_ rows: [UInt8], into statement: ClickHouseSQL, token: String) async throws {
        let query =
            [
                ("query", statement.text), ("async_insert", "1"), ("wait_for_async_insert", "1"),
                ("insert_deduplicate", "1"), ("insert_deduplication_token", token),
                // Events that are read anew may be of any number of months.
                ("max_partitions_per_insert_block", "0"),
            ] + (takesTokens.withLock { $0 } ? [("async_insert_deduplicate", "1")] : [])
        _ = try await breaker.run {
            try await self.send(query, String(decoding: rows, as: UTF8.self), self.limits.insert)
        }.get()
    }

    /// Changes tables.
    func change(_ sql: ClickHouseSQL, _ parameters: ClickHouseParameters = ClickHouseParameters()) async throws {
        _ = try await breaker.run {
            try await self.send(
                [("wait_end_of_query", "1")] + parameters.texts.map { ("param_" + $0.name, $0.text) }, sql.text,
                self.limits.change)
        }.get()
    }

    /// The server's version. Asks past the circuit and without any setting, so that any server can answer.
    func version() async throws -> String {
        let bytes = try await send([], "SELECT version()", limits.read).get()
        let version = String(decoding: bytes.prefix(64).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        let numbers = version.split(separator: ".").prefix(2).compactMap { Int($0) }
        takesTokens.withLock { $0 = numbers.count == 2 && (numbers[0], numbers[1]) >= (22, 12) }
        return version
    }

    // MARK: HTTP

    /// What the server answered; it throws only when it did not.
    private func send(
        _ query: [(String, String)], _ body: String, _ limit: Duration
    ) async throws -> Result<[UInt8], ClickHouseError> {
        let first = preferred.withLock { $0 }
        var failure = ClickHouseError.unreachable("it has no address")
        for offset in settings.addresses.indices {
            guard offset == 0 || breaker.mayRetry() else { break }
            let index = (first + offset) % settings.addresses.count
            let address = settings.addresses[index]
            do {
                let answer = try await withDeadline(limit) { try await self.exchange(address, query, body, limit) }
                preferred.withLock { $0 = index }
                return answer
            } catch let error as CancellationError {
                throw error
            } catch is DeadlineExceeded {
                // It may work on: another is asked the next time, and not twice the time is spent on this one.
                preferred.withLock { $0 = (index + 1) % settings.addresses.count }
                throw ClickHouseError.unreachable("no answer from \(address.server) within \(limit)")
            } catch let error as ClickHouseError {
                failure = error
            } catch {
                failure = .unreachable("\(address.server) cannot be reached: \(Self.words(for: error))")
            }
        }
        throw failure
    }

    private func exchange(
        _ address: ClickHouseSettings.Address, _ query: [(String, String)], _ body: String, _ limit: Duration
    ) async throws -> Result<[UInt8], ClickHouseError> {
        let pairs = [("database", settings.database)] + query
        let text = pairs.map { "\(Self.encoded($0.0))=\(Self.encoded($0.1))" }.joined(separator: "&")
        var request = HTTPClientRequest(url: address.base + "?" + text)
        request.method = .POST
        request.headers = [
            "X-ClickHouse-User": settings.username, "X-ClickHouse-Key": settings.password,
            "Content-Type": "text/plain; charset=utf-8",
        ]
        request.body = .bytes(ByteBuffer(string: body))
        let response = try await http.execute(request, timeout: TimeAmount(limit))
        let bytes = Array(try await response.body.collect(upTo: limits.bytesMax + (1 << 20)).readableBytesView)
        guard response.status == .ok else {
            return .failure(
                ClickHouseError(
                    status: Int(response.status.code),
                    code: response.headers.first(name: "X-ClickHouse-Exception-Code"), body: bytes))
        }
        return .success(bytes)
    }

    private static func words(for error: any Error) -> String {
        switch error {
        case let error as HTTPClientError where error == .connectTimeout || error == .deadlineExceeded:
            "no answer in time"
        case let error as HTTPClientError where error == .remoteConnectionClosed: "it closed the connection"
        case let error as NIOSSLError: "TLS failed: \(tlsReason(of: error))"
        case let error as NIOSSLExtraError: "TLS failed: \(tlsReason(of: error))"
        default: "\(error)"
        }
    }

    /// What is not unreserved (RFC 3986) is percent-encoded.
    private static func encoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: "~"):
                bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// One row of an answer; a value of another kind than is wanted is an error.
struct Row: Sendable {
    let values: [JSON]

    private func value<Value>(_ index: Int, _ convert: (JSON) -> Value?) throws(ClickHouseError) -> Value {
        guard index < values.count, let value = convert(values[index]) else {
            throw .malformed("column \(index) of its answer is not \(Value.self)")
        }
        return value
    }

    func integer(_ index: Int) throws(ClickHouseError) -> Int64 { try value(index, \.integerValue) }
    func text(_ index: Int) throws(ClickHouseError) -> String { try value(index, \.stringValue) }
    func bool(_ index: Int) throws(ClickHouseError) -> Bool { try integer(index) != 0 }
    /// Written as a text, because it may be longer than 64 bits.
    func wide(_ index: Int) throws(ClickHouseError) -> Int128 {
        try value(index) { $0.stringValue.flatMap { Int128($0) } }
    }
    func parsed<Value: LosslessStringConvertible>(_ index: Int) throws(ClickHouseError) -> Value {
        try value(index) { $0.stringValue.flatMap { Value($0) } }
    }
}
