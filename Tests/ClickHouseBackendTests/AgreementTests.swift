import ClickHouseBackend
import FleetDomain
import FleetService
import FleetStore
import FleetTestSupport
import Testing

extension ClickHouseTests {
    @Suite("The figures from it")
    struct AgreementTests {
        @Test("are those from the SQL database, over any period, in any steps, whatever was inserted twice")
        func agree() async throws {
            var coverage = MetricsCoverage()
            for seed in Generator.seeds(Effort.seeds(3, slow: 60)) {
                let reports = try await ClickHouseServer.database { settings, _ in
                    try await Self.compare(seed: seed, settings)
                }
                for report in reports { coverage.note(report.summary) }
            }
            #expect(coverage.isWhole || Generator.areFew, "\(coverage)")
        }

        private static func compare(seed: UInt64, _ settings: ClickHouseSettings) async throws -> [MetricsReport] {
            let clickHouse = ClickHouse(settings)
            var history = try await MeasuredHistory(seed: seed)
            var random = Generator(seed: seed)
            var reports: [MetricsReport] = []
            try await clickHouse.migrate(for: "test") { _ in true }
            var end: Int64 = 0
            for _ in 0..<2 {
                try await history.run(commands: 200)
                // Begins somewhere before, as a sink that was killed does, in batches of other lengths.
                var position = random.int(in: 0...end)
                while true {
                    var limits = AnalyticsFeed.Limits()
                    limits.batchLength = Int(random.int(in: 40...400))
                    let feed = AnalyticsFeed(store: history.store, limits: limits)
                    guard let batch = try await feed.batch(after: position) else { break }
                    try await clickHouse.insert(batch)
                    if random.chance(20) { try await clickHouse.insert(batch) }
                    position = batch.end.position
                }
                let place = try #require(try await clickHouse.place())
                end = try await history.store.endOfLog()
                #expect(place.position == end)
                for federation in history.federations {
                    for _ in 0..<2 {
                        let question = history.question()
                        let stored = try await history.report(on: federation, question)
                        let found = try await history.report(
                            on: federation, question, from: clickHouse.source(upTo: place))
                        #expect(
                            found == stored,
                            "seed \(seed) \(federation) \(question.window) \(question.step ?? 0) \(question.scope)")
                        reports.append(found)
                    }
                }
            }
            await clickHouse.close()
            await history.store.database.close()
            return reports
        }
    }
}

extension MetricsCoverage {
    fileprivate var isWhole: Bool {
        satisfied > 5 && failed > 5 && checks > 20 && acknowledged > 0 && waited > 0 && fair > 0
            && idle > .zero && overdue > .zero && lent > .zero
    }
}
