import AsyncHTTPClient
import FleetDomain
import FleetHTTP
import FleetJSON
import FleetTestSupport
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

extension TestService {
    func streamRequest(_ path: String, key: String, _ headers: [String: String]) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(API.base)/events/stream\(path)")
        request.headers.add(name: "Authorization", value: "Bearer \(key)")
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        return request
    }

    /// Reads a stream while `story` goes on, and leaves it then.
    func follow(
        path: String = "", key: String? = nil, headers: [String: String] = [:],
        _ story: (EventSource) async throws -> Void
    ) async throws {
        let request = streamRequest(path, key: key ?? adminKey, headers)
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        try #require(response.status == .ok)
        let source = EventSource(response)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await source.read(response.body) }
            defer { group.cancelAll() }
            try await source.wait { $0.isOpen }
            try await story(source)
        }
    }
}

/// What one stream has told so far.
final class EventSource: Sendable {
    struct Message: Equatable {
        var id = ""
        var type = ""
        var data = JSONObject()
        var isHeartbeat = false
    }

    struct State {
        var messages: [Message] = []
        var isOpen = false
        /// The place at which the stream began.
        var start = ""
        var isOver = false
        var isPaused = false
    }

    let headers: [String: String]
    private let state = Mutex(State())

    init(_ response: HTTPClientResponse) {
        headers = response.headers.reduce(into: [:]) { $0[$1.name.lowercased()] = $1.value }
    }

    var isPaused: Bool {
        get { state.withLock { $0.isPaused } }
        set { state.withLock { $0.isPaused = newValue } }
    }

    func read(_ body: HTTPClientResponse.Body) async {
        var text = ""
        do {
            for try await chunk in body {
                text += String(buffer: chunk)
                while let end = text.firstRange(of: "\n\n") {
                    let message = Message(block: String(text[..<end.lowerBound]))
                    text.removeSubrange(..<end.upperBound)
                    state.withLock { state in
                        if state.isOpen { state.messages.append(message) } else { state.start = message.id }
                        state.isOpen = true
                    }
                }
                while isPaused, !Task.isCancelled { try await Task.sleep(for: .milliseconds(5)) }
            }
        } catch {}
        state.withLock { $0.isOver = true }
    }

    /// Waits until `condition` holds, or fails after a while.
    func wait(within limit: Duration = .seconds(20), _ condition: @Sendable (State) -> Bool) async throws {
        let deadline = ContinuousClock.now + limit
        while !state.withLock({ condition($0) }) {
            try #require(ContinuousClock.now < deadline, "it did not come")
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// The next event, or nil when none comes in time.
    func next(within limit: Duration) async throws -> Message? {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            if let message = take({ !$0.isHeartbeat }) { return message }
            try await Task.sleep(for: .milliseconds(2))
        }
        return nil
    }

    /// The first event that is wanted, those before it dropped.
    func next(_ isWanted: @Sendable @escaping (Message) -> Bool) async throws -> Message {
        try await wait { $0.messages.contains { !$0.isHeartbeat && isWanted($0) } }
        return try #require(take { !$0.isHeartbeat && isWanted($0) })
    }

    func nextHeartbeat() async throws -> Message {
        try await wait { $0.messages.contains(where: \.isHeartbeat) }
        return try #require(take(\.isHeartbeat))
    }

    var isOver: Bool { state.withLock { $0.isOver } }
    var start: String { state.withLock { $0.start } }

    func untilEnd() async throws { try await wait { $0.isOver } }

    private func take(_ isWanted: (Message) -> Bool) -> Message? {
        state.withLock { state in
            guard let index = state.messages.firstIndex(where: isWanted) else { return nil }
            defer { state.messages.removeSubrange(...index) }
            return state.messages[index]
        }
    }
}

extension EventSource.Message {
    /// One block of lines.
    fileprivate init(block: String) {
        var message = Self()
        for line in block.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.drop { $0 == " " } }
            switch line.first == ":" ? "" : parts.first ?? "" {
            case "id": message.id = String(parts[1])
            case "event":
                let type = String(parts[1])
                message.type = type.hasPrefix(EventType.prefix) ? String(type.dropFirst(EventType.prefix.count)) : type
            case "data": message.data = (try? JSON.parse(String(parts[1])))?.objectValue ?? JSONObject()
            case "retry": break
            default: message.isHeartbeat = true
            }
        }
        self = message
    }
}
