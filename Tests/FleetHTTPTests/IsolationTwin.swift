import FleetDomain
import FleetHTTP
import FleetJSON
import FleetService
import FleetTestSupport
import Testing

/// Two services that are told the same, and one of them more: what lies outside a reader's view.
///
/// Every reply of both to one request is compared: status, headers, body. What may differ is only what is made of
/// random numbers: sealed tokens, which are compared by what they lead to, and ids that the clock's events get,
/// which must correspond one to one.
final class IsolationTwin {
    let plain: TestService
    /// The one that is told more.
    let rich: TestService
    /// Names the run in the message of each expectation.
    let label: String

    private var keys: [String: (plain: String, rich: String)] = [:]
    private var counterparts: [String: String] = [:]
    private var origins: [String: String] = [:]
    private var requests: UInt64 = 0
    private(set) var comparisons = 0

    init(_ plain: TestService, _ rich: TestService, label: String) {
        self.plain = plain
        self.rich = rich
        self.label = label
        keys["admin"] = (plain.adminKey, rich.adminKey)
    }

    /// Runs two services for as long as `body` takes.
    static func run(label: String, _ body: @escaping @Sendable (IsolationTwin) async throws -> Void) async throws {
        try await TestService.run { plain in
            try await TestService.run { rich in try await body(IsolationTwin(plain, rich, label: label)) }
        }
    }

    /// Makes a key in both worlds, under a name by which requests are sent.
    func addKey(
        _ name: String, _ roles: Set<Role>, fleets: [String] = [], federations: Set<Federation.ID> = [],
        scopes: Set<Permission> = []
    ) async throws {
        await settle()
        let fleets = Set(fleets.map { FleetTestSupport.name($0) as Fleet.ID })
        keys[name] = (
            try await plain.key(roles, fleets: fleets, federations: federations, scopes: scopes),
            try await rich.key(roles, fleets: fleets, federations: federations, scopes: scopes)
        )
    }

    /// Has both writers record what waits, and begin the next request with the same random numbers.
    private func settle() async {
        await plain.api.orchestrator.tick()
        await rich.api.orchestrator.tick()
        requests += 1
        plain.clock.reseed(requests << 20)
        rich.clock.reseed(requests << 20)
    }

    func advance(by seconds: Seconds) async {
        await plain.advance(by: seconds)
        await rich.advance(by: seconds)
    }

    // MARK: Requests

    /// The same in both worlds. The writers are idle before, so that both make the same ids.
    ///
    /// - Parameter isCompared: false for somebody who may see how the worlds differ.
    @discardableResult
    func send(
        _ method: String, _ path: String, _ body: String? = nil, as name: String, isCompared: Bool = true
    ) async throws -> (plain: TestService.Reply, rich: TestService.Reply) {
        try await ask(method, (path, path), body, as: name, isCompared: isCompared)
    }

    /// Only in the world that is told more.
    @discardableResult
    func sendAside(
        _ method: String, _ path: String, _ body: String? = nil, as name: String = "admin"
    ) async throws -> TestService.Reply {
        await settle()
        rich.clock.reseed(1 << 60 + requests << 20)
        let key = try #require(keys[name])
        return try await rich.send(method, path, body, key: key.rich, headers: ["X-Request-ID": "aside-\(requests)"])
    }

    private func ask(
        _ method: String, _ paths: (plain: String, rich: String), _ body: String?, as name: String,
        isCompared: Bool = true
    ) async throws -> (plain: TestService.Reply, rich: TestService.Reply) {
        // A crossing that was recorded before the next one begins another record than one that was not.
        await settle()
        let key = try #require(keys[name])
        let headers = ["X-Request-ID": "asked-\(requests)"]
        let (plain, rich) = (plain, rich)
        async let ofPlain = plain.send(method, paths.plain, body, key: key.plain, headers: headers)
        async let ofRich = rich.send(method, paths.rich, body, key: key.rich, headers: headers)
        let replies = try await (plain: ofPlain, rich: ofRich)
        guard isCompared else { return replies }
        comparisons += 1
        let difference = difference(replies.plain, replies.rich)
        #expect(difference == nil, "\(label): \(name) \(method) \(paths.plain) \(body ?? "")")
        return replies
    }

    /// More pages than any list of a test has.
    private static let pagesMax = 200

    /// Reads a list to its end, page by page, each compared.
    func askForAll(_ path: String, next: String = "next_page_token", parameter: String, as name: String) async throws {
        var paths = (plain: path, rich: path)
        for _ in 0..<Self.pagesMax {
            let replies = try await ask("GET", paths, nil, as: name)
            guard replies.plain.status == 200, let plain = replies.plain[next]?.stringValue,
                let rich = replies.rich[next]?.stringValue
            else { return }
            // The feed always has a position to go on from; it is over when nothing comes.
            if replies.plain["events"]?.arrayValue?.isEmpty == true { return }
            let mark = path.contains("?") ? "&" : "?"
            paths = ("\(path)\(mark)\(parameter)=\(plain)", "\(path)\(mark)\(parameter)=\(rich)")
        }
        Issue.record("\(label): \(name) \(path) does not end")
    }

    // MARK: Comparing

    /// The first difference between two replies, or nil.
    private func difference(_ a: TestService.Reply, _ b: TestService.Reply) -> String? {
        if a.status != b.status { return "status \(a.status) and \(b.status): \(text(a)) and \(text(b))" }
        if let difference = differenceOfHeaders(a, b) { return difference }
        if a.bytes == b.bytes { return nil }
        if a.bytes.count != b.bytes.count { return "lengths differ: \(text(a)) and \(text(b))" }
        return difference(a.json, b.json, at: "")
    }

    private func text(_ reply: TestService.Reply) -> String { String(decoding: reply.bytes, as: UTF8.self) }

    private func differenceOfHeaders(_ a: TestService.Reply, _ b: TestService.Reply) -> String? {
        let names = Set(a.headers.keys).union(b.headers.keys).subtracting(["date"])
        for name in names.sorted() {
            guard let left = a.headers[name], let right = b.headers[name] else { return "\(name) is in one only" }
            switch name {
            case "event-position": if left.count != right.count { return "\(name) differs in length" }
            case "etag":
                // A tag follows from the bytes that the caller gets, so it says no more than they do.
                guard a.bytes != b.bytes, !a.bytes.isEmpty else { fallthrough }
                if left != ETag(of: a.bytes).text || right != ETag(of: b.bytes).text { return "etag is of other bytes" }
            default:
                if left != right, let difference = difference(left, right) { return "\(name): \(difference)" }
            }
        }
        return nil
    }

    /// Tokens and secrets, which are never twice the same.
    private static let opaque: Set<String> = ["next_page_token", "next_after", "sequence", "key"]

    private func difference(_ a: JSON, _ b: JSON, at path: String) -> String? {
        switch (a, b) {
        case (.object(let a), .object(let b)):
            guard a.members.map(\.key) == b.members.map(\.key) else { return "members of \(path)" }
            for (left, right) in zip(a.members, b.members) {
                if Self.opaque.contains(left.key), let x = left.value.stringValue, let y = right.value.stringValue {
                    if x.utf8.count != y.utf8.count { return "\(path)/\(left.key) differs in length" }
                } else if let found = difference(left.value, right.value, at: "\(path)/\(left.key)") {
                    return found
                }
            }
            return nil
        case (.array(let a), .array(let b)):
            guard a.count == b.count else { return "the count of \(path)" }
            for (index, (left, right)) in zip(a, b).enumerated() {
                if let found = difference(left, right, at: "\(path)/\(index)") { return found }
            }
            return nil
        case (.string(let a), .string(let b)):
            return a == b ? nil : difference(a, b).map { "\(path): \($0)" }
        default: return a == b ? nil : "\(path): \(a) and \(b)"
        }
    }

    /// Compares two texts that may name different ids in the same places.
    private func difference(_ a: String, _ b: String) -> String? {
        let (left, right) = (Self.split(a), Self.split(b))
        guard left.rest == right.rest, left.ids.count == right.ids.count else { return "\(a) and \(b)" }
        for (x, y) in zip(left.ids, right.ids) where x != y {
            // The time is in the first 48 bits of an id that we made.
            guard x.prefix(13) == y.prefix(13), counterparts[x] ?? y == y, origins[y] ?? x == x else {
                return "ids \(x) and \(y)"
            }
            counterparts[x] = y
            origins[y] = x
        }
        return nil
    }

    /// The ids in a text, and the text around them.
    private static func split(_ text: String) -> (rest: [UInt8], ids: [String]) {
        let bytes = Array(text.utf8)
        var rest: [UInt8] = []
        var ids: [String] = []
        var index = 0
        while index < bytes.count {
            if index + 36 <= bytes.count {
                let candidate = String(decoding: bytes[index..<index + 36], as: UTF8.self)
                if ID<Event>(candidate) != nil {
                    ids.append(candidate)
                    index += 36
                    continue
                }
            }
            rest.append(bytes[index])
            index += 1
        }
        return (rest, ids)
    }
}
