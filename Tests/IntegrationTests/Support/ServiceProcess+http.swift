import AsyncHTTPClient
import FleetJSON
import Foundation
import NIOCore
import NIOHTTP1

/// An answer of the service.
struct Reply: Sendable {
    let status: Int
    /// By their names in lower case.
    let headers: [String: String]
    let text: String

    subscript(name: String) -> JSON? { (try? JSON.parse(Array(text.utf8)))?.objectValue?[name] }
    /// The code of a problem.
    var code: String? { self["code"]?.stringValue }
}

extension ServiceProcess {
    static let base = "/api/v1/fleet-coordination"

    /// One that says at once when nobody listens: the usual one tries again until its deadline.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// Sends a request below the base path, or at a path of its own when it begins with `//`.
    ///
    /// - Parameters:
    ///   - key: nil sends no credential; the administrator's otherwise.
    ///   - port: nil is the service's own.
    func send(
        _ method: String, _ path: String, _ body: String? = nil, key: String?? = .none,
        headers: [String: String] = [:], port: Int? = nil
    ) async throws -> Reply {
        let place = path.hasPrefix("//") ? String(path.dropFirst()) : Self.base + path
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port ?? self.port)\(place)")
        request.method = .init(rawValue: method)
        if let key = key ?? adminKey { request.headers.add(name: "Authorization", value: "Bearer \(key)") }
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: body))
        }
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        let response = try await Self.client.execute(request, timeout: .seconds(30))
        let text = String(buffer: try await response.body.collect(upTo: 64 << 20))
        let fields = response.headers.reduce(into: [String: String]()) { $0[$1.name.lowercased()] = $1.value }
        return Reply(status: Int(response.status.code), headers: fields, text: text)
    }

    /// The lines of a stream as they come, until it ends or is cut.
    func lines(of path: String, headers: [String: String] = [:], _ onLine: (String) -> Void) async throws {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(Self.base)\(path)")
        request.headers.add(name: "Authorization", value: "Bearer \(adminKey)")
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        let response = try await Self.client.execute(request, timeout: .seconds(120))
        guard response.status == .ok else { throw StartFailure(description: "\(path): \(response.status)") }
        var rest: [UInt8] = []
        for try await part in response.body {
            rest += part.readableBytesView
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                onLine(String(decoding: rest[..<end], as: UTF8.self))
                rest.removeSubrange(...end)
            }
        }
    }

    /// Creates a federation; its answer.
    func create(_ name: String, idempotencyKey: String? = nil, description: String = "") async throws -> Reply {
        try await send(
            "POST", "/federations", #"{"name":"\#(name)","description":"\#(description)"}"#,
            headers: idempotencyKey.map { ["Idempotency-Key": $0] } ?? [:])
    }

    /// The names of all federations, with repetitions.
    func federationNames() async throws -> [String] {
        var names: [String] = []
        var token: String?
        repeat {
            let page = try await send("GET", "/federations?page_size=1000" + (token.map { "&page_token=\($0)" } ?? ""))
            names += page["federations"]?.arrayValue?.compactMap { $0.objectValue?["name"]?.stringValue } ?? []
            token = page["next_page_token"]?.stringValue
        } while token != nil
        return names
    }

    /// Every line of its log so far, as JSON objects.
    var log: [JSONObject] {
        child.errors.lines.compactMap { (try? JSON.parse(Array($0.utf8)))?.objectValue }
    }
}
