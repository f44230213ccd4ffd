import FleetDomain
import FleetJSON

/// Measures the engine alone, on synthetic federations: how long a decision takes, how that grows with the number of
/// live leases, and what a live lease costs in memory.
///
///     PlannerBench [DECISIONS]
///     PlannerBench queue
///     PlannerBench binding
@main
struct PlannerBench {
    /// Resources, and the live leases on them.
    private static let sizes: [(resources: Int, leases: Int)] = [
        (1_000, 1_000), (1_000, 100_000), (10_000, 100_000), (100_000, 1_000), (100_000, 100_000), (100_000, 1_000_000),
    ]

    static func main() throws {
        switch CommandLine.arguments.dropFirst().first {
        case "queue": return try QueueBench.run()
        case "binding": return try BindingBench.run()
        default: break
        }
        let decisions = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 2000
        print("resources     leases  question                          P50 µs    P99 µs  granted  bytes a lease")
        for (resources, leases) in sizes {
            let before = residentBytes()
            var world = try SyntheticFederation(resources: resources, leases: 0)
            let empty = residentBytes()
            try world.book(leases)
            let bytes = Double(max(0, residentBytes() - max(before, empty))) / Double(leases)
            for question in Question.allCases {
                let (times, granted) = try world.measure(question, decisions)
                let line = [
                    column("\(resources)", 9), column("\(leases)", 11), "  " + left(question.rawValue, 32),
                    column(decimal(times[times.count / 2]), 8), column(decimal(times[times.count * 99 / 100]), 10),
                    column("\(granted * 100 / decisions) %", 9), column("\(Int(bytes))", 15),
                ]
                print(line.joined())
            }
        }
    }

    static func column(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    private static func left(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    static func decimal(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
}

/// What is asked for.
enum Question: String, CaseIterable {
    case named = "a named unit, free or not"
    case any = "a unit of a type, now"
    case ten = "ten units of a type, now"
    case absent = "attributes that nobody has"
    case later = "too many for now, within a day"
}
