import AsyncHTTPClient
import FleetDomain
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL

/// Sends requests to one URL, and to no other address than the one that was checked.
actor WebhookConnection {
    /// What came of a request.
    enum Answer: Sendable, Equatable {
        case answered(Int, retryAfter: Seconds?)
        /// A word for the log of deliveries.
        case failed(String)
    }

    private static let connectDuration = TimeAmount.seconds(5)
    /// For a request and its answer: who takes longer should answer first and work then.
    static let requestDuration = Duration.seconds(15)
    private static let lookUpDuration = Duration.seconds(5)
    /// Bytes of an answer that are read, so that the connection can be used again; nobody looks at them.
    private static let answerBytesMax = 64 << 10
    /// How long a name is not looked up again.
    private static let addressLifetime = Duration.seconds(30)

    /// Clients of earlier addresses whose requests may still run.
    private static let retiredMax = 4

    private let policy: WebhookPolicy
    private var client: HTTPClient?
    private var retired: [HTTPClient] = []
    private var address: NetworkAddress?
    /// The address that did not answer last, which others go before.
    private var avoided: NetworkAddress?
    private var lookedUpAt: ContinuousClock.Instant?
    private var lookUp: Task<[NetworkAddress], Never>?

    init(_ policy: WebhookPolicy) { self.policy = policy }

    func post(
        _ body: [UInt8], headers: [(String, String)], to text: String, within limit: Duration
    ) async -> Answer {
        guard let url = try? WebhookURL(text, allowsPrivate: policy.allowsPrivate) else {
            return .failed("address_not_public")
        }
        let start = ContinuousClock.now
        if let failure = await connect(to: url, within: min(limit, Self.lookUpDuration)) { return failure }
        guard let client else { return .failed("unreachable") }
        let (used, left) = (address, limit - (ContinuousClock.now - start))
        var request = HTTPClientRequest(url: url.text)
        request.method = .POST
        request.headers = HTTPHeaders(headers)
        request.body = .bytes(ByteBuffer(bytes: body))
        let ready = request
        let answer = await withTaskGroup(of: Answer.self) { group in
            group.addTask { await Self.execute(ready, by: client) }
            group.addTask {
                try? await Task.sleep(for: left)
                return .failed("timeout")
            }
            defer { group.cancelAll() }
            return await group.next() ?? .failed("timeout")
        }
        if case .failed = answer, used == address {
            // The next try looks the name up anew, and takes another address where there is one.
            avoided = used
            lookedUpAt = nil
        }
        return answer
    }

    private static func execute(_ request: HTTPClientRequest, by client: HTTPClient) async -> Answer {
        do {
            let response = try await client.execute(request, timeout: TimeAmount(requestDuration))
            // Too long an answer costs its connection.
            _ = try? await response.body.collect(upTo: answerBytesMax)
            return .answered(
                Int(response.status.code),
                retryAfter: response.headers.first(name: "retry-after").flatMap(seconds(until:)))
        } catch let error as HTTPClientError {
            let isLate = [.deadlineExceeded, .connectTimeout, .readTimeout].contains(error)
            return .failed(isLate ? "timeout" : "unreachable")
        } catch {
            return .failed(error is NIOSSLError || error is NIOSSLExtraError ? "tls" : "unreachable")
        }
    }

    /// Readies a client whose only address for the host is one that was looked up and checked; it asks no resolver.
    private func connect(to url: WebhookURL, within limit: Duration) async -> Answer? {
        if let lookedUpAt, ContinuousClock.now - lookedUpAt < Self.addressLifetime, client != nil { return nil }
        var found = url.literal.map { [$0] } ?? []
        if found.isEmpty { found = await addresses(of: url.host, within: limit) }
        let usable = found.filter { $0 != avoided }
        // Resolvers give the addresses in another order each time.
        guard let first = usable.first(where: { $0 == address }) ?? usable.first ?? found.first else {
            return .failed("unknown_host")
        }
        // Of a name that is also of a private network nothing is believed.
        guard policy.allowsPrivate || found.allSatisfy(\.isPublic) else { return .failed("address_not_public") }
        lookedUpAt = .now
        if first == address, client != nil { return nil }
        // Another may have made a client meanwhile; none is waited for until there is a new one.
        if let client { retired.append(client) }
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        configuration.timeout = .init(connect: Self.connectDuration)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 8
        if url.literal == nil { configuration.dnsOverride = [url.host: first.text] }
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        address = first
        if retired.count > Self.retiredMax { try? await retired.removeFirst().shutdown() }
        return nil
    }

    /// All that ask at a time wait for one look-up.
    private func addresses(of host: String, within limit: Duration) async -> [NetworkAddress] {
        if let lookUp { return await lookUp.value }
        // Of nobody who asks: one that is cancelled must not end it for the others.
        let task = Task { [policy] in await policy.addresses(of: host, within: limit) }
        lookUp = task
        defer { lookUp = nil }
        return await task.value
    }

    /// Nothing is pushed any more.
    func close() async {
        let clients = retired + (client.map { [$0] } ?? [])
        (client, retired, address) = (nil, [], nil)
        for client in clients { try? await client.shutdown() }
    }

    /// Seconds, or an HTTP date.
    private static func seconds(until text: String) -> Seconds? {
        if let seconds = wholeNumber(text) { return seconds }
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "GMT")
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
        return format.date(from: text).map { max(0, Seconds($0.timeIntervalSinceNow)) }
    }
}
