import FleetDomain
import FleetJSON

/// Divides what it is told to: one plan a line on standard input, one division a line on standard output.
///
/// A plan is `{"method":"max_min"|"drf","capacity":{type: n},"claims":[{"fleet_id","demand":{type: n},"weight"?,
/// "tasks_max"?}],"indivisible"?}`; a division is as the API answers it, with the `nanoseconds` that it took.
@main
struct DivisionBench {
    private struct Malformed: Error {
        let line: String
    }

    static func main() throws {
        while let line = readLine() {
            let (claims, capacity, method, isIndivisible) = try plan(in: line)
            let began = ContinuousClock.now
            let division =
                switch method {
                case .maxMin: Division.maxMin(claims, capacity: capacity, isIndivisible: isIndivisible)
                case .drf: Division.dominantShare(claims, capacity: capacity, isIndivisible: isIndivisible)
                }
            print(json(division, took: ContinuousClock.now - began).text)
        }
    }

    private enum Method: String {
        case maxMin = "max_min"
        case drf
    }

    private typealias Plan = (
        claims: [Division.Claim], capacity: [ResourceType: Amount], method: Method, isIndivisible: Bool
    )

    private static func plan(in line: String) throws -> Plan {
        guard let plan = try JSON.parse(line).objectValue, let capacity = amounts(plan["capacity"]),
            let claims = plan["claims"]?.arrayValue?.compactMap(claim(in:)),
            let method = plan["method"]?.stringValue.flatMap(Method.init)
        else { throw Malformed(line: line) }
        return (claims, capacity, method, plan["indivisible"]?.boolValue ?? false)
    }

    private static func claim(in json: JSON) -> Division.Claim? {
        guard let object = json.objectValue, let fleet = object["fleet_id"]?.stringValue.flatMap(Fleet.ID.init),
            let demand = amounts(object["demand"])
        else { return nil }
        return Division.Claim(
            fleet: fleet, demand: demand, weight: object["weight"]?.integerValue ?? 1,
            tasksMax: object["tasks_max"]?.integerValue ?? Division.tasksMax)
    }

    private static func amounts(_ json: JSON?) -> [ResourceType: Amount]? {
        guard let members = json?.objectValue?.members else { return nil }
        var amounts: [ResourceType: Amount] = [:]
        for member in members {
            guard let type = ResourceType(member.key), let amount = Amount(json: member.value) else { return nil }
            amounts[type] = amount
        }
        return amounts
    }

    private static func json(_ division: Division, took time: Duration) -> JSON {
        let claims = division.portions.map { portion in
            var granted = JSONObject()
            for (type, amount) in portion.granted { granted[type.description] = amount.json }
            var object: JSONObject = [
                "fleet_id": .string(portion.fleet.description), "granted": .object(granted.sorted),
                "share": .double(portion.share.value),
            ]
            object["tasks"] = portion.tasks?.json
            return JSON.object(object)
        }
        return .object([
            "claims": .array(claims), "order": .array(division.order.map { .string($0.description) }),
            "nanoseconds": .integer(Int64(time / .nanoseconds(1))),
        ])
    }
}
