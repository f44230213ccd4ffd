import FleetDomain
import FleetService
import FleetStore
import FleetTestSupport
import Testing

@Suite("The Metrics Calculator", .timeLimit(.minutes(Effort.minutes(5))))
struct MetricsCalculatorTests {
    @Test("Every metric is what the raw log says, over any period, in any steps, for a federation and for fleets")
    func recomputed() async throws {
        var covered = MetricsCoverage()
        for seed in Generator.seeds(Effort.seeds(12, slow: 300)) {
            var history = try await MeasuredHistory(seed: seed)
            try await history.run(commands: 300)
            for federation in history.federations {
                for _ in 0..<4 {
                    let question = history.question()
                    let report = try await history.report(on: federation, question)
                    expect(report.summary, isLike: history.fromLog(federation, question), "seed \(seed)")
                    for step in report.series ?? [] {
                        let part = MetricsQuestion(scope: question.scope, window: step.window)
                        expect(step, isLike: history.fromLog(federation, part), "seed \(seed), a step")
                    }
                    covered.note(report.summary)
                }
            }
            await history.store.database.close()
        }
        #expect(covered.isWhole || Generator.areFew, "\(covered)")
    }

    @Test("The steps of a series add up to the summary, and over all pairs what is lent is what is borrowed")
    func sums() async throws {
        for seed in Generator.seeds(Effort.seeds(6, slow: 60)) {
            var history = try await MeasuredHistory(seed: seed)
            try await history.run(commands: 200)
            for federation in history.federations {
                var question = history.question()
                question.scope = .federation
                question.step = 60 + history.window.end.milliseconds % 7200
                let report = try await history.report(on: federation, question)
                let series = try #require(report.series)
                let (total, label) = (report.summary, "seed \(seed)" as Comment)
                #expect(series.reduce(.zero) { $0 + $1.lent } == total.lent, label)
                #expect(series.reduce(0) { $0 + $1.satisfied } == total.satisfied, label)
                #expect(series.reduce(0) { $0 + $1.failed } == total.failed, label)
                #expect(series.reduce(0) { $0 + $1.checks } == total.checks, label)
                for use in total.utilization {
                    let steps = series.flatMap { $0.utilization.filter { $0.type == use.type } }
                    #expect(steps.reduce(.zero) { $0 + $1.offered } == use.offered, label)
                    #expect(steps.reduce(.zero) { $0 + $1.active } == use.active, label)
                }
                #expect(total.lent == total.borrowed, label)
                #expect(total.pairs.reduce(.zero) { $0 + $1.lent } == total.lent, label)
            }
            await history.store.database.close()
        }
    }

    // MARK: Comparing

    private func expect(_ found: MetricsSummary, isLike wanted: MetricsFromLog, _ label: String) {
        let comment: Comment = "\(label): \(wanted.federation) \(wanted.from) \(wanted.to) \(wanted.fleets ?? [])"
        #expect(found.satisfied == wanted.satisfied, comment)
        #expect(found.failed == wanted.failed, comment)
        #expect(found.checks == wanted.checks, comment)
        #expect(found.violations == wanted.violations, comment)
        #expect(found.accepted == wanted.accepted && found.acknowledged == wanted.acknowledged, comment)
        #expect(found.decisionLatency?.p50 == wanted.latency(50), comment)
        #expect(found.decisionLatency?.p95 == wanted.latency(95), comment)
        #expect(found.decisionLatency?.p99 == wanted.latency(99), comment)
        #expect(isClose(found.fairness, wanted.fairness), comment)
        let pairs = found.pairs.map { ($0.pair, $0.lent.milliseconds) }
        #expect(Dictionary(uniqueKeysWithValues: pairs) == wanted.lent, comment)
        func isOurs(_ fleet: Fleet.ID) -> Bool { wanted.fleets?.contains(fleet) ?? true }
        let lent = wanted.lent.filter { isOurs($0.key.source) }.values.reduce(0, +)
        let borrowed = wanted.lent.filter { isOurs($0.key.target) }.values.reduce(0, +)
        #expect(found.lent.milliseconds == lent && found.borrowed.milliseconds == borrowed, comment)
        let use = found.utilization.map { type in
            let use = MetricsFromLog.Use(
                offered: type.offered.milliseconds, active: type.active.milliseconds, idle: type.idle.milliseconds,
                overdue: type.overdue.milliseconds)
            return (type.type, use)
        }
        let used = Dictionary(uniqueKeysWithValues: use.filter { $0.1 != MetricsFromLog.Use() })
        #expect(used == wanted.use.filter { $0.value != MetricsFromLog.Use() }, comment)
    }

    private func isClose(_ a: Double?, _ b: Double?) -> Bool {
        guard let a, let b else { return a == nil && b == nil }
        return abs(a - b) < 1e-9
    }
}

extension MetricsCoverage {
    fileprivate var isWhole: Bool {
        satisfied > 20 && failed > 20 && checks > 20 && acknowledged > 5 && waited > 3 && fair > 5 && idle > .zero
            && overdue > .zero
    }
}

extension MeasuredHistory {
    func fromLog(_ federation: Federation.ID, _ question: MetricsQuestion) -> MetricsFromLog {
        MetricsFromLog(
            log, of: federation, from: question.window.start, to: question.window.end, now: now,
            fleets: question.scope.fleets.map(Set.init))
    }
}
