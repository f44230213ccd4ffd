import AsyncHTTPClient
import FleetDomain
import FleetService
import FleetStore
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// Brings a request to the process that decides, unchanged, and its answer back.
///
/// The caller's own credentials go along and are checked there: that it was forwarded gives it no right.
struct Forwarder: Sendable {
    /// Marks what was forwarded, so that it is forwarded once. Its value only the processes on one database can make.
    private static let mark = "Fleet-Forwarded"
    /// How long somebody is waited for who decides: longer than an election takes.
    private static let patience = Duration.seconds(8)
    private static let pause = Duration.milliseconds(50)
    /// How long who was elected may take to know it.
    private static let knowingPatience = Duration.seconds(1)
    /// Before the same process is asked again.
    private static let backoff = Backoff(first: .milliseconds(100), longest: .seconds(1))
    private static let answerPatience = TimeAmount.seconds(30)
    private static let answerBytesMax = 64 << 20
    /// Of the connection, not of the request.
    private static let hopByHop: Set<String> = [
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
        "upgrade", "content-length", "host", "expect",
    ]
    /// What each process says itself.
    private static let own: Set<String> = ["date", "server", "x-request-id", "x-correlation-id"]

    private let sealer: Sealer
    /// Of all forwarded requests together: a hundred are asked again about ten times each while another is elected.
    private let retries = RetryBudget(RetryBudget.Limits(reserve: 1000))

    init(_ sealer: Sealer) { self.sealer = sealer }

    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(1), read: answerPatience))
        // Whether it was sent is to be known.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// - Parameter isRepeatable: whether it has one effect however often it is asked.
    /// - Returns: nil when this process decides meanwhile.
    /// - Throws: `storage_unavailable` when nobody decides; `outcome_unknown` when the answer was lost of a request that
    ///   carries no key by which it could be asked again, or that is not asked again because too many are.
    func forward(
        _ request: EdgeRequest, _ body: ByteBuffer, by replica: Replica, isRepeatable: Bool
    ) async throws -> Response? {
        // Here it is at who was elected and may not know it yet, or at one that is not any more.
        let isForwarded = isForwarded(request)
        let asked = ContinuousClock.now
        let deadline = asked + Self.patience
        var isLost = false
        var failures = 0
        retries.noteCall()
        while true {
            let role = replica.role
            var rest = Self.pause
            switch role {
            case .writer: return nil
            case .none, .elected, .follower(of: nil): break
            case .follower(of: _?) where isForwarded: break
            case .follower(of: let url?):
                do {
                    return try await send(request, body, to: url, while: replica)
                } catch {
                    try Task.checkCancellation()
                    if !error.isOfConnecting {
                        request.logger.warning(
                            "the answer to a forwarded request was lost", metadata: ["error": "\(error)"])
                        isLost = true
                        guard isRepeatable else { throw Self.unknown }
                    }
                    guard retries.takeRetry() else { throw isLost ? Self.unknown : Self.nobody }
                    rest = Self.backoff.pause(after: failures)
                    failures += 1
                }
            }
            let mayBeElected = role == .elected || ContinuousClock.now - asked < Self.knowingPatience
            guard !isForwarded || mayBeElected else { throw Self.nobody }
            guard ContinuousClock.now < deadline else { throw isLost ? Self.unknown : Self.nobody }
            // Whoever is elected meanwhile is asked at once.
            let end = ContinuousClock.now + rest
            repeat { try await Task.sleep(for: Self.pause) } while ContinuousClock.now < end && replica.role == role
        }
    }

    private func isForwarded(_ request: EdgeRequest) -> Bool {
        guard let name = HTTPField.Name(Self.mark), let value = request.headers[name] else { return false }
        return sealer.open(value, for: Self.mark) != nil
    }

    private static let nobody = FleetError(
        .storageUnavailable, "At the moment no process decides; nothing was changed.")
    private static let unknown = FleetError(
        .outcomeUnknown, "Whether this was done is not known; ask again with the same Idempotency-Key.")

    /// Sends it, and gives it up when somebody else is elected: who was frozen may answer much later, or never.
    private func send(
        _ request: EdgeRequest, _ body: ByteBuffer, to url: String, while replica: Replica
    ) async throws -> Response {
        try await withThrowingTaskGroup(of: Response.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await send(request, body, to: url) }
            group.addTask {
                while [.follower(of: url), .follower(of: nil), .elected].contains(replica.role) {
                    try await Task.sleep(for: Self.pause)
                }
                throw Superseded()
            }
            guard let response = try await group.next() else { throw CancellationError() }
            return response
        }
    }

    private struct Superseded: Error {}

    private func send(_ request: EdgeRequest, _ body: ByteBuffer, to url: String) async throws -> Response {
        // A target has no fragment, and the client would leave one away.
        let target = (request.http.head.path ?? "/").replacing("#", with: "%23")
        var forwarded = HTTPClientRequest(url: url + target)
        forwarded.method = .init(rawValue: request.method.rawValue)
        for field in request.headers where !Self.hopByHop.contains(field.name.canonicalName) {
            forwarded.headers.add(name: field.name.rawName, value: field.value)
        }
        // What was signed names the authority that the caller asked.
        if let authority = request.http.head.authority {
            forwarded.headers.replaceOrAdd(name: "Host", value: authority)
        }
        forwarded.headers.replaceOrAdd(name: "X-Request-ID", value: request.identity.requestID)
        forwarded.headers.replaceOrAdd(name: Self.mark, value: sealer.seal("", for: Self.mark))
        if body.readableBytes > 0 { forwarded.body = .bytes(body) }
        let answer = try await Self.client.execute(forwarded, timeout: Self.answerPatience)
        let bytes = try await answer.body.collect(upTo: Self.answerBytesMax)
        var headers = HTTPFields()
        for (name, value) in answer.headers {
            let lowercase = name.lowercased()
            guard !Self.hopByHop.contains(lowercase), !Self.own.contains(lowercase), let name = HTTPField.Name(name)
            else { continue }
            headers.append(HTTPField(name: name, value: value))
        }
        let length = answer.headers.first(name: "content-length").flatMap { Int($0) }
        let content =
            request.method == .head
            ? ResponseBody(contentLength: length) { try await $0.finish(nil) } : ResponseBody(byteBuffer: bytes)
        return Response(status: .init(code: Int(answer.status.code)), headers: headers, body: content)
    }
}

extension Error {
    /// Whether no connection was had, and so nothing was sent.
    fileprivate var isOfConnecting: Bool {
        if let error = self as? HTTPClientError { return error == .connectTimeout }
        // An address is connected to as it is, a name by the addresses that it has.
        return self is NIOConnectionError || (self as? IOError)?.errnoCode == ECONNREFUSED
    }
}
