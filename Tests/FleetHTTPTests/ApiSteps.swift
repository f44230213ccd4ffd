import AsyncHTTPClient
import FleetDomain
import FleetHTTP
import FleetJSON
import FleetService
import NIOCore
import NIOHTTP1
import Testing

@testable import FleetTestSupport

/// An id that a caller chooses.
func apiName<Entity>(_ text: String) -> Name<Entity> { Name(text)! }

/// An id that an answer named.
func apiID<Entity>(_ text: String) -> ID<Entity> { ID(text)! }

extension TestService.Reply {
    /// The text under `name`; empty when there is none.
    func text(_ name: String) -> String { self[name]?.stringValue ?? "" }
    /// The objects of a list.
    func rows(_ name: String) -> [JSONObject] { self[name]?.arrayValue?.compactMap(\.objectValue) ?? [] }
    var body: String { String(decoding: bytes, as: UTF8.self) }

    /// Expects a problem with every member that the contract gives it, in agreement with the answer's head.
    func expectProblem(
        _ wanted: Int, _ wantedCode: String, _ place: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let comment: Comment = "\(place): \(status) \(body)"
        #expect(status == wanted && code == wantedCode, comment, sourceLocation: sourceLocation)
        guard status == wanted else { return }
        #expect(headers["content-type"] == "application/problem+json", comment, sourceLocation: sourceLocation)
        #expect(self["status"]?.integerValue == Int64(wanted), comment, sourceLocation: sourceLocation)
        for name in ["type", "title", "detail", "instance"] {
            #expect(!text(name).isEmpty, "\(name): \(comment)", sourceLocation: sourceLocation)
        }
        #expect(self["retryable"]?.boolValue == [503, 507].contains(wanted), comment, sourceLocation: sourceLocation)
        #expect(!text("request_id").isEmpty, comment, sourceLocation: sourceLocation)
        #expect(headers["x-request-id"] == text("request_id"), comment, sourceLocation: sourceLocation)
    }
}

extension JSONObject {
    func text(_ name: String) -> String { self[name]?.stringValue ?? "" }
}

/// The steps that stories have in common; each says what it expected when it fails.
extension TestService {
    /// A webhook of a fleet to an address where nobody listens, for what cannot come of itself.
    func webhook(of fleet: String, types: String = #"["fleet.registered"]"#) async throws -> String {
        let body = #"{"url":"http://127.0.0.1:9/","fleet_id":"\#(fleet)","event_types":\#(types)}"#
        return try await created("POST", "/webhooks", body, "webhook_id")
    }

    /// A replay to such a webhook, which never ends.
    func replay(to webhook: String) async throws -> String {
        let body = #"{"from_position":"1","to_position":"\#(try await end)"}"#
        let id = try await created("POST", "/webhooks/\(webhook)/replay", body, "replay_id")
        try await eventually { try await ok("GET", "/event-replays/\(id)")["pending"]?.integerValue ?? 0 > 0 }
        return id
    }

    /// A message whose pushes are used up, by the id of its row.
    func deadLetter(_ federation: String, from source: String, to target: String) async throws -> String {
        let message = try await sendMessage(federation, from: source, to: target)
        let name: Fleet.ID = apiName(target)
        let principal = Principal(subject: "webhook:test", roles: [.fleetOperator], fleets: [name])
        let id: Message.ID = apiID(message)
        _ = try await api.orchestrator.submit(
            Command(operation: "test.dead_letter", principal: principal, requestID: "test") {
                (ledger, context) throws(FleetError) in
                let delivery = ledger.deliveries.values.first { $0.message == id && $0.target == name }
                if let delivery { ledger.deadLetter(delivery.id, attempts: 10, &context) }
                return Decision(nil)
            })
        return try await ok("GET", "/dead-letters?fleet_id=\(target)").rows("dead_letters").last?.text("log_id") ?? ""
    }

    /// The end of the log, once everything that was answered is in it.
    var end: Int64 { get async throws { try await api.orchestrator.inspect { $0.position } } }

    /// Sends what must be answered with success.
    @discardableResult
    func ok(
        _ method: String, _ path: String, _ body: String? = nil, key: String?? = .none,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Reply {
        let reply = try await send(method, path, body, key: key)
        try #require(
            (200..<300).contains(reply.status), "\(method) \(path): \(reply.body)", sourceLocation: sourceLocation)
        return reply
    }

    /// Sends a body that need not be text.
    func send(_ method: String, _ path: String, bytes: [UInt8]) async throws -> Reply {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)" + path)
        request.method = .init(rawValue: method)
        request.headers.add(name: "Authorization", value: "Bearer \(adminKey)")
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: bytes))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let answer = Array(try await response.body.collect(upTo: 1 << 20).readableBytesView)
        let fields = response.headers.reduce(into: [String: String]()) { $0[$1.name.lowercased()] = $1.value }
        return Reply(status: Int(response.status.code), headers: fields, bytes: answer)
    }

    /// Sends what must be refused with this status and code.
    func refused(
        _ status: Int, _ code: String, _ method: String, _ path: String, _ body: String? = nil, key: String?? = .none,
        headers: [String: String] = [:], sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let reply = try await send(method, path, body, key: key, headers: headers)
        reply.expectProblem(status, code, "\(method) \(path)", sourceLocation: sourceLocation)
    }

    /// Makes something and gives its id.
    func created(_ method: String, _ path: String, _ body: String, _ id: String = "federation_id") async throws
        -> String
    {
        try await ok(method, path, body).text(id)
    }

    /// A federation with these fleets, registered on the way; all of them share.
    func found(_ members: [(fleet: String, level: String)], policy: String = "{}") async throws -> String {
        let body = #"{"name":"Federation","description":"","policy":\#(policy)}"#
        let id = try await created("POST", "/federations", body)
        for member in members { try await join(id, member.fleet, member.level) }
        return id
    }

    func join(_ federation: String, _ fleet: String, _ level: String, role: String = "member") async throws {
        try await ok(
            "POST", "/federations/\(federation)/members",
            #"{"fleet_id":"\#(fleet)","isolation_level":"\#(level)","resource_sharing":true,"role":"\#(role)"}"#)
    }

    func register(
        _ fleet: String, _ resource: String, _ handover: String = "automatic", type: String = "vehicle",
        key: String?? = .none
    ) async throws {
        try await ok(
            "POST", "/fleets/\(fleet)/resources",
            #"{"resource_id":"\#(resource)","resource_type":"\#(type)","handover":"\#(handover)"}"#, key: key)
    }

    /// The body of a request for an hour of a vehicle.
    func request(
        _ federation: String, _ unit: String, from source: String = "owner", to target: String = "borrower",
        startsIn delay: Seconds = 0, duration: Seconds = 3600
    ) -> String {
        """
        {"federation_id":"\(federation)","source_fleet_id":"\(source)","target_fleet_id":"\(target)",\
        "resource_type":"vehicle","resource_id":"\(unit)","duration":\(duration),"priority":"normal",\
        "starts_at":"\(clock.now + delay)"}
        """
    }

    func lease(
        _ federation: String, _ unit: String, from source: String = "owner", to target: String = "borrower",
        startsIn delay: Seconds = 0, duration: Seconds = 3600, key: String?? = .none
    ) async throws -> String {
        let body = request(federation, unit, from: source, to: target, startsIn: delay, duration: duration)
        return try await ok("POST", "/resource-sharing", body, key: key).text("sharing_id")
    }

    /// The body of a request for two slots for an hour.
    func allocation(_ federation: String, to target: String = "borrower", type: String = "slot") -> String {
        """
        {"federation_id":"\(federation)","target_fleet_id":"\(target)","resource_type":"\(type)","quantity":1,\
        "duration":3600}
        """
    }

    func allocate(_ federation: String, to target: String = "borrower", type: String = "slot") async throws -> String {
        try await ok("POST", "/allocations", allocation(federation, to: target, type: type)).text("allocation_id")
    }

    /// The body of a message.
    ///
    /// - Parameters:
    ///   - target: nil is everybody.
    ///   - more: further members, each with a comma before it.
    func message(
        _ federation: String, from source: String, to target: String?, _ content: String = #"{"text":"hello"}"#,
        more: String = ""
    ) -> String {
        let target = target.map { #","target_fleet_id":"\#($0)""# } ?? ""
        return """
            {"federation_id":"\(federation)","source_fleet_id":"\(source)"\(target),"message_type":"note",\
            "message_content":\(content)\(more)}
            """
    }

    /// Sends a message and answers with its id.
    func sendMessage(
        _ federation: String, from source: String, to target: String?, _ content: String = #"{"text":"hello"}"#,
        more: String = "", key: String?? = .none
    ) async throws -> String {
        let body = message(federation, from: source, to: target, content, more: more)
        return try await ok("POST", "/messages", body, key: key).text("message_id")
    }

    /// The audit log as its pages give it, after everything folded has been recorded.
    func audit(_ query: String = "page_size=1000", key: String?? = .none) async throws -> [JSONObject] {
        var records: [JSONObject] = []
        var token: String?
        repeat {
            let page = try await ok("GET", "/audit-log?\(query)" + (token.map { "&page_token=\($0)" } ?? ""), key: key)
            records += page.rows("audit_records")
            token = page["next_page_token"]?.stringValue
        } while token != nil
        return records
    }
}
