import FleetDomain
import FleetTestSupport
import Testing

@Suite("A calendar")
struct CalendarTests {
    /// The calendar as anybody would write it: the level of each of a few seconds.
    private struct Model {
        var levels: [Int64]

        init(length: Int) { levels = Array(repeating: 0, count: length) }

        mutating func add(_ quantity: Int64, _ seconds: Range<Int>) {
            for second in seconds { levels[second] += quantity }
        }

        func isFree(_ start: Int, _ length: Int, _ ceiling: Int64) -> Bool {
            (start..<start + length).allSatisfy { ($0 < levels.count ? levels[$0] : 0) <= ceiling }
        }

        /// The earliest free windows one after the other, each beginning where the one before it ends or later.
        func gaps(of length: Int, atMost ceiling: Int64, in range: Range<Int>, count: Int) -> [Int] {
            var starts: [Int] = []
            var start = range.lowerBound
            while starts.count < count, start + length <= range.upperBound {
                if isFree(start, length, ceiling) {
                    starts.append(start)
                    start += length
                } else {
                    start += 1
                }
            }
            return starts
        }
    }

    private func at(_ second: Int) -> Timestamp { Timestamp(milliseconds: Int64(second) * 1000) }
    private func window(_ range: Range<Int>) -> Window {
        Window(start: at(range.lowerBound), end: at(range.upperBound))
    }

    private func range(in length: Int, _ random: inout Generator) -> Range<Int> {
        let start = Int(random.int(in: 0...Int64(length - 1)))
        return start..<Int(random.int(in: Int64(start + 1)...Int64(length)))
    }

    @Test("It agrees with a list of seconds on its peak, its gaps and its steps, whatever is put in and taken out")
    func agreesWithModel() {
        for seed in Generator.seeds(300) {
            var random = Generator(seed: seed)
            var calendar = Calendar()
            var model = Model(length: 60)
            var held: [(Int64, Range<Int>)] = []
            for _ in 0..<60 {
                if held.isEmpty || random.chance(55) {
                    let (quantity, range) = (random.int(in: 1...4), range(in: 60, &random))
                    calendar.add(quantity, over: window(range))
                    model.add(quantity, range)
                    held.append((quantity, range))
                } else {
                    let (quantity, range) = held.remove(at: Int(random.int(in: 0...Int64(held.count - 1))))
                    calendar.remove(quantity, over: window(range))
                    model.add(-quantity, range)
                }
                check(calendar, model, &random)
                // However it came about, the same levels are the same calendar.
                var direct = Calendar()
                for (quantity, range) in held.shuffled(using: &random) { direct.add(quantity, over: window(range)) }
                #expect(calendar == direct, "seed \(seed)")
                #expect(calendar.isEmpty == held.isEmpty, "seed \(seed)")
            }
        }
    }

    private func check(_ calendar: Calendar, _ model: Model, _ random: inout Generator) {
        let seed = random.seed
        let length = model.levels.count
        let range = range(in: length, &random)
        #expect(calendar.peak(over: window(range)) == model.levels[range].max(), "seed \(seed): peak")

        let steps = calendar.steps(over: window(range))
        var levels = Array(repeating: Int64(0), count: length)
        for step in steps {
            let first = Int(step.window.start.milliseconds / 1000)
            for second in first..<Int(step.window.end.milliseconds / 1000) { levels[second] += step.level }
        }
        #expect(Array(levels[range]) == Array(model.levels[range]), "seed \(seed): steps")
        #expect(levels.indices.allSatisfy { range.contains($0) || levels[$0] == 0 }, "seed \(seed): steps outside")

        let wanted = Int(random.int(in: 1...20))
        let ceiling = random.int(in: 0...6)
        let search = range.lowerBound..<range.upperBound + 40
        let gaps = calendar.gaps(
            of: Int64(wanted), atMost: ceiling, from: at(search.lowerBound), until: at(search.upperBound), count: 3)
        let expected = model.gaps(of: wanted, atMost: ceiling, in: search, count: 3)
        #expect(gaps.map { Int($0.start.milliseconds / 1000) } == expected, "seed \(seed): gaps")
        #expect(gaps.allSatisfy { $0.end == $0.start + Int64(wanted) }, "seed \(seed): lengths")
    }

    @Test("It does so too when it holds many thousand steps, and again when most of them are gone")
    func large() {
        for seed in Generator.seeds(Effort.seeds(1, slow: 10)) {
            var random = Generator(seed: seed)
            let length = 20_000
            var calendar = Calendar()
            var model = Model(length: length)
            var held: [(Int64, Range<Int>)] = []
            for _ in 0..<12_000 {
                let start = Int(random.int(in: 0...Int64(length - 1)))
                let range = start..<min(length, start + Int(random.int(in: 1...12)))
                let quantity = random.int(in: 1...4)
                calendar.add(quantity, over: window(range))
                model.add(quantity, range)
                held.append((quantity, range))
            }
            for _ in 0..<5 { check(calendar, model, &random) }
            for (quantity, range) in held.shuffled(using: &random).dropLast(200) {
                calendar.remove(quantity, over: window(range))
                model.add(-quantity, range)
            }
            for _ in 0..<5 { check(calendar, model, &random) }
        }
    }

    @Test("Nothing fits under a ceiling below zero")
    func belowZero() {
        #expect(Calendar().gaps(of: 1, atMost: -1, from: at(0), until: at(100), count: 3).isEmpty)
    }
}
