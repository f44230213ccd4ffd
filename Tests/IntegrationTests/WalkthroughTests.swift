import Foundation
import Testing

@Suite("The walk-through of the README")
struct WalkthroughTests {
    @Test("does what it says, exactly as printed, and so do the examples of docs/concepts.md that go on from it")
    func walkthrough() async throws {
        let readme = contents(of: checkout + "/README.md")
        var script = Walkthrough(readme)
        for heading in ["## Allocations", "## The queue", "## Messages", "## Metrics"] {
            let count = script.expectations.count
            script.append(contents(of: checkout + "/docs/concepts.md"), under: heading)
            try #require(script.expectations.count > count, "docs/concepts.md has no example under '\(heading)'")
        }
        try #require(!script.expectations.isEmpty, "README.md has no ```sh block with '# → ' under '## Walk-through'")
        let directory = try ScratchDirectory()
        let port = ServiceProcess.isFree(8080) ? 8080 : ServiceProcess.sparePort()
        if port != 8080 {
            print("The walk-through runs on port \(port): 8080 is taken.")
            script.replace(port: port)
        }
        // The directory is the default one, as in a checkout.
        let service = try await ServiceProcess.start(in: directory, ["DATA_DIR": "data"], port: port)
        try directory.write(script.text, to: "walk-through.sh")
        let (status, output, errors) = try await ChildProcess.run(
            "bash", ["-euo", "pipefail", "walk-through.sh"], in: directory.path)
        #expect(status == .exited(0), "\(output)\(errors)")
        #expect(script.disappointments(in: output) == [], "\(output)\(errors)")
        withExtendedLifetime(service) {}
    }

    @Test("is read as it is meant: blocks under the heading alone, and each expectation after its command")
    func reading() async throws {
        let script = Walkthrough(
            """
            # Title
            ```sh
            echo elsewhere
            ```
            ## Walk-through
            Text.
            ```sh
            echo '{"id":"1234","name":"dock"}'
            # → "name":"dock"
            # → {"id":"…","name":"dock"}
            ```
            ```json
            {}
            ```
            ```sh
            echo two
            # → one
            # an ordinary comment
            ```
            ## Next
            ```sh
            exit 1
            ```
            """)
        #expect(script.expectations == [#""name":"dock""#, #"{"id":"…","name":"dock"}"#, "one"])
        let directory = try ScratchDirectory()
        try directory.write(script.text, to: "walk-through.sh")
        let (status, output, _) = try await ChildProcess.run(
            "bash", ["-euo", "pipefail", "walk-through.sh"], in: directory.path)
        #expect(status == .exited(0))
        #expect(script.disappointments(in: output) == ["one"])
    }
}

/// The shell blocks under one heading. A line `# → TEXT` says that the output of the commands since the last such
/// lines contains TEXT, in which `…` stands for anything within a line.
struct Walkthrough {
    private static let heading = "## Walk-through"
    private static let mark = "# → "

    /// The script, with a line that can be found again printed in the place of each expectation's comment.
    private(set) var text = ""
    private(set) var expectations: [String] = []

    init(_ document: String) { append(document, under: Self.heading) }

    mutating func append(_ document: String, under heading: String) {
        for block in Markdown.blocks("sh", of: document, under: heading) {
            for line in block { append(line) }
        }
    }

    private mutating func append(_ line: String) {
        if line.hasPrefix(Self.mark) {
            text += "printf '\\n\(Self.marker(expectations.count))\\n'\n"
            expectations.append(String(line.dropFirst(Self.mark.count)))
        } else {
            text += line + "\n"
        }
    }

    mutating func replace(port: Int) { text = text.replacing(":8080", with: ":\(port)") }

    /// The expectations that the output does not meet.
    func disappointments(in output: String) -> [String] {
        var rest = Substring(output)
        var last = Substring()
        return expectations.enumerated().compactMap { index, expectation in
            guard let marker = rest.firstRange(of: Self.marker(index)) else { return expectation }
            let printed = rest[..<marker.lowerBound]
            rest = rest[marker.upperBound...]
            // Several lines in a row speak of the same commands.
            if !printed.allSatisfy(\.isWhitespace) { last = printed }
            return Self.isFound(expectation, in: last) ? nil : expectation
        }
    }

    private static func marker(_ index: Int) -> String { "@@expectation \(index)@@" }

    private static func isFound(_ expectation: String, in output: Substring) -> Bool {
        let pieces = expectation.split(separator: "…", omittingEmptySubsequences: false)
        return output.split(whereSeparator: \.isNewline).contains { line in
            var rest = line
            for piece in pieces where !piece.isEmpty {
                guard let range = rest.firstRange(of: piece) else { return false }
                rest = rest[range.upperBound...]
            }
            return true
        }
    }
}

/// Just enough of Markdown to find fenced blocks.
enum Markdown {
    /// The lines of each fenced block in `language`, in the section of `heading` or, without one, everywhere.
    static func blocks(_ language: String, of document: String, under heading: String? = nil) -> [[String]] {
        var blocks: [[String]] = []
        var isInSection = heading == nil
        var fence: String?
        for line in document.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if let open = fence {
                if line.trimmed == "```" {
                    fence = nil
                } else if isInSection, open == language {
                    blocks[blocks.count - 1].append(line)
                }
            } else if line.hasPrefix("```") {
                fence = String(line.dropFirst(3)).trimmed
                if isInSection, fence == language { blocks.append([]) }
            } else if let heading, line.hasPrefix("## ") {
                isInSection = line.trimmed == heading
            }
        }
        return blocks
    }
}
