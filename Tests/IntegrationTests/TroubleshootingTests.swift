import Foundation
import Testing

@Suite("docs/troubleshooting.md")
struct TroubleshootingTests {
    @Test("quotes what the service really prints, and leaves no symptom out")
    func document() async throws {
        let document = contents(of: checkout + "/docs/troubleshooting.md")
        try #require(!document.isEmpty)
        let quoted = Markdown.blocks("text", of: document).flatMap(\.self).map(\.trimmed).filter { !$0.isEmpty }
            .map(LinePattern.init)
        let printed = try await provokeAll()
        for line in quoted {
            let isPrinted = printed.contains { $0.lines.contains(where: line.matches) }
            #expect(isPrinted, "nothing prints: \(line)")
        }
        for (symptom, lines) in printed {
            guard let line = lines.first(where: LinePattern(symptom.line).matches) else {
                Issue.record("\(symptom.name) prints \(lines)")
                continue
            }
            #expect(quoted.contains { $0.matches(line) }, "not in the document: \(symptom.name): \(line)")
        }
    }

    @Test("Every symptom of the running service prints its line", arguments: Symptom.running)
    func symptom(symptom: Symptom) async throws {
        guard let printed = try await symptom.provoke(ScratchDirectory()) else { return }
        #expect(printed.lines.contains(where: LinePattern(symptom.line).matches), "\(printed.lines)")
    }

    /// Each symptom with all that it printed; those that this machine does not permit with what they would.
    private func provokeAll() async throws -> [(symptom: Symptom, lines: [String])] {
        try await withThrowingTaskGroup(of: (Symptom, [String]).self) { group in
            for symptom in Symptom.all {
                group.addTask {
                    (symptom, try await symptom.provoke(ScratchDirectory())?.lines ?? [symptom.line])
                }
            }
            return try await group.reduce(into: []) { $0.append(($1.0, $1.1)) }
        }
    }
}

@Suite("A pattern of a line")
struct LinePatternTests {
    @Test(
        "matches with any text in the place of a placeholder, and with nothing else changed",
        arguments: [
            ("a b", "a b", true), ("a b", "a c", false), ("a <x> c", "a b c", true), ("a <x> c", "a b d", false),
            ("<x> b", "a b", true), ("a <x>", "b a", false), ("a <x> b <y>", "a 1 b 2", true),
            ("ab<x>bc", "abc", false),
        ])
    func matching(pattern: String, line: String, isMatch: Bool) {
        #expect(LinePattern(pattern).matches(line) == isMatch)
    }
}
