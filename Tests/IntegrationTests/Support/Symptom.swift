import Testing

/// Something that goes wrong for a user, and the line that the service then prints. The table of all of them is what
/// docs/troubleshooting.md is held against.
struct Symptom: Sendable, CustomTestStringConvertible {
    /// What a run printed, and how it ended if it did.
    struct Printed: Sendable {
        var status: ChildProcess.Status?
        var output = ""
        var errors = ""

        var lines: [String] { output.lines + errors.lines }
    }

    let name: String
    /// What is printed, with `<…>` for what differs from run to run.
    let line: String
    /// Makes it happen; nil when this machine does not permit it.
    let provoke: @Sendable (ScratchDirectory) async throws -> Printed?

    var testDescription: String { name }

    static let all = settings + redis + clickHouse + addresses + tokens + databases + moves + running + kafka
}

extension Symptom {
    /// A start that the program refuses.
    static func refusedStart(
        _ name: String, _ environment: [String: String], _ complaint: String,
        prepare: @escaping @Sendable (ScratchDirectory) throws -> [String: String] = { _ in [:] }
    ) -> Symptom {
        Symptom(name: name, line: "fleet-coordination: " + complaint) { directory in
            let more = try prepare(directory)
            return try await run(directory, environment.merging(more) { _, new in new })
        }
    }

    static func run(
        _ directory: ScratchDirectory, _ environment: [String: String] = [:], _ arguments: [String] = ["serve"]
    ) async throws -> Printed {
        let (status, output, errors) = try await ServiceProcess.run(in: directory, environment, arguments)
        return Printed(status: status, output: output, errors: errors)
    }
}
