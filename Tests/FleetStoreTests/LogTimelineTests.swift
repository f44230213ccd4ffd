import FleetStore
import FleetTestSupport
import Testing

@Suite("Timelines of the log")
struct LogTimelineTests {
    /// What one server has of a log that servers have carried on from each other.
    private struct Server {
        /// Of each position the event there.
        var events: [Int] = []
        var timelines: [LogTimeline] = []

        var place: LogPlace { LogPlace(position: Int64(events.count), timeline: timelines.last?.number ?? 0) }

        init(_ random: inout Generator) { promote(&random) }

        /// A copy without the last events, and what came with them, takes over.
        func takenOver(behindBy lag: Int, _ random: inout Generator) -> Server {
            var server = self
            server.events.removeLast(min(lag, events.count))
            let end = Int64(server.events.count)
            server.timelines.removeAll { $0.startsAfter > end || $0.startsAfter == end && lag > 0 && random.chance(50) }
            server.promote(&random)
            return server
        }

        private mutating func promote(_ random: inout Generator) {
            let number = (timelines.last?.number ?? 0) + Int64.random(in: 1...1_000_000_000, using: &random)
            timelines.append(LogTimeline(number: number, startsAfter: Int64(events.count)))
        }
    }

    @Test(
        "A place holds on another server exactly where the same events come before it",
        arguments: Generator.seeds(200))
    func places(seed: UInt64) {
        var random = Generator(seed: seed)
        var servers = [Server(&random)]
        var given: [(place: LogPlace, events: [Int])] = []
        var event = 0
        for _ in 0..<60 {
            let index = Int.random(in: 0..<servers.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0 where servers.count < 8:
                servers.append(servers[index].takenOver(behindBy: Int.random(in: 0...6, using: &random), &random))
            default:
                event += 1
                servers[index].events.append(event)
                given.append((servers[index].place, servers[index].events))
            }
        }
        for server in servers {
            for (place, events) in given {
                let holds = LogTimeline.holds(place.position, of: place.timeline, in: server.timelines)
                let isSame = server.events.starts(with: events)
                // Of a timeline that a server never knew it cannot tell what came before.
                let isKnown = server.timelines.contains { $0.number == place.timeline }
                #expect(
                    isKnown ? holds == isSame || place.position > server.place.position : !holds || isSame,
                    "seed \(seed): \(place) on \(server.timelines)")
            }
        }
    }

    @Test("What was given out before the first timeline holds up to where that starts, and in a file always")
    func beforeTheFirst() {
        let first = [LogTimeline(number: 7, startsAfter: 40)]
        #expect(LogTimeline.holds(40, of: 0, in: first) && !LogTimeline.holds(41, of: 0, in: first))
        #expect(LogTimeline.holds(40, of: 3, in: first) && !LogTimeline.holds(41, of: 9, in: first))
        #expect(LogTimeline.holds(.max, of: 0, in: []) && LogTimeline.holds(41, of: 7, in: []))
    }
}
