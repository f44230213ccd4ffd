import FleetJSON
import Foundation
import Synchronization

/// Follows the log as a browser does: when its stream is cut it goes on from the last `id`, wherever it is let in.
final class EventFollower: Sendable {
    private struct Progress {
        var ids: [String] = []
        var texts: [String] = []
        var place: String?
        var cuts = 0
    }

    private let progress: Mutex<Progress>
    private let headers: [String: String]

    /// - Parameters:
    ///   - key: nil is the administrator's.
    ///   - place: after which it begins; nil is the end of the log.
    init(key: String? = nil, after place: String? = "0") {
        headers = key.map { ["Authorization": "Bearer \($0)"] } ?? [:]
        progress = Mutex(Progress(place: place))
    }

    /// Where it goes on; nil before its stream has begun.
    var place: String? { progress.withLock { $0.place } }

    /// The ids of the events that came, in their order.
    var ids: [String] { progress.withLock { $0.ids } }
    /// The events themselves.
    var texts: [String] { progress.withLock { $0.texts } }
    /// How often a stream ended.
    var cuts: Int { progress.withLock { $0.cuts } }

    /// - Parameter choose: whom to ask next; nil for the time being.
    func run(_ choose: @Sendable (_ attempt: Int) -> ServiceProcess?) async {
        var attempt = 0
        while !Task.isCancelled {
            attempt += 1
            if let replica = choose(attempt) {
                let place = progress.withLock { $0.place }
                var headers = headers
                headers["Last-Event-ID"] = place
                try? await replica.lines(of: "/events/stream", headers: headers, take)
                progress.withLock { $0.cuts += 1 }
            }
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    private func take(_ line: String) {
        let parts = line.split(separator: ": ", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return }
        progress.withLock { progress in
            switch parts[0] {
            case "id": progress.place = parts[1]
            case "data":
                progress.texts.append(parts[1])
                let event = (try? JSON.parse(Array(parts[1].utf8)))?.objectValue
                progress.ids.append(event?["id"]?.stringValue ?? "no event: \(parts[1])")
            default: break
            }
        }
    }
}
