import Foundation
import Testing

/// What the modules of one target may import.
private struct Row {
    let ours: Set<String>
    let others: Set<String>

    init(_ ours: Set<String>, _ others: Set<String> = []) {
        self.ours = ours
        self.others = others
    }
}

/// The one-way import rule: fleet-coordination → FleetHTTP → FleetService → FleetStore → FleetDomain → FleetJSON.
/// A backend hangs on the module that declares its port; of the product, only the executable knows it.
private enum ImportRule {
    /// From the executable down: an arrow may skip layers, never turn.
    static let layers = ["fleet-coordination", "FleetHTTP", "FleetService", "FleetStore", "FleetDomain", "FleetJSON"]
    /// Each with the library that it alone drives, what it may import of ours, and who may import it.
    static let backends = [
        "SQLiteBackend": Backend(
            library: "CSQLite", ours: ["FleetStore", "FleetDomain"],
            importers: ["fleet-coordination", "FleetTestSupport"]),
        "PostgresBackend": Backend(
            library: "CPostgres", ours: ["FleetStore", "FleetDomain"],
            importers: ["fleet-coordination", "FleetTestSupport"]),
        "KafkaBackend": Backend(
            library: "CRdKafka", ours: ["FleetService", "FleetJSON"], importers: ["fleet-coordination"]),
        "RedisBackend": Backend(
            library: "CHiredis", ours: ["FleetService", "FleetDomain"], importers: ["fleet-coordination"]),
    ]

    struct Backend {
        let library: String
        let ours: Set<String>
        let importers: Set<String>
    }
    /// What speaks to a service over a protocol that is nobody's alone; the port is one of FleetService.
    static let remoteBackends: Set<String> = ["ClickHouseBackend"]
    private static let system: Set<String> = ["Darwin", "Glibc", "Musl"]

    /// A target that is not here may not exist; a module that is not in a target's row may not be imported there.
    static let table: [String: Row] = [
        "FleetJSON": Row([]),
        "FleetDomain": Row(["FleetJSON"], ["DequeModule", "HeapModule"]),
        // A lock, for what callers of one dependency share; no threads.
        "FleetStore": Row(["FleetDomain", "FleetJSON"], ["Synchronization"]),
        "FleetService": Row(
            ["FleetStore", "FleetDomain", "FleetJSON"],
            [
                "AsyncHTTPClient", "Crypto", "DequeModule", "Foundation", "Logging", "NIOCore", "NIOHTTP1", "NIOPosix",
                "NIOSSL", "ServiceLifecycle", "Synchronization",
            ]),
        "FleetHTTP": Row(
            ["FleetService", "FleetStore", "FleetDomain", "FleetJSON"],
            [
                "AsyncHTTPClient", "Crypto", "Foundation", "FoundationEssentials", "HTTPTypes", "Hummingbird",
                "HummingbirdCore", "JWTKit", "Logging", "NIOCore", "NIOHTTP1", "NIOHTTPTypes", "NIOPosix",
                "ServiceLifecycle",
                "Synchronization",
            ]),
        "CSQLite": Row([]),
        // NIO's thread pool carries the blocking calls; no networking.
        "SQLiteBackend": Row(
            ["FleetStore", "FleetDomain", "CSQLite"], system.union(["NIOCore", "NIOPosix", "Synchronization"])),
        "CPostgres": Row([]),
        "PostgresBackend": Row(
            ["FleetStore", "FleetDomain", "CPostgres"], system.union(["NIOPosix", "Synchronization"])),
        "CRdKafka": Row([]),
        // The same pool; librdkafka does the networking.
        "KafkaBackend": Row(["FleetService", "FleetJSON", "CRdKafka"], ["Logging", "NIOPosix", "Synchronization"]),
        "CHiredis": Row([]),
        // NIO carries the connection, hiredis only formats and parses.
        "RedisBackend": Row(
            ["FleetService", "FleetDomain", "CHiredis"],
            [
                "Crypto", "DequeModule", "NIOCore", "NIOPosix", "NIOSSL", "ServiceLifecycle", "Synchronization",
            ]),
        "ClickHouseBackend": Row(
            ["FleetService", "FleetDomain", "FleetJSON"],
            ["AsyncHTTPClient", "NIOCore", "NIOHTTP1", "NIOSSL", "Synchronization"]),
        "fleet-coordination": Row(
            [
                "FleetHTTP", "FleetService", "FleetStore", "FleetDomain", "FleetJSON", "SQLiteBackend",
                "PostgresBackend", "KafkaBackend", "RedisBackend", "ClickHouseBackend",
            ],
            [
                "ArgumentParser", "Crypto", "Foundation", "Hummingbird", "Logging", "NIOSSL", "ServiceLifecycle",
                "Synchronization", "UnixSignals",
            ]),
        // The tests' kit runs the whole service in process; no target of the product may import it.
        "FleetTestSupport": Row(
            [
                "FleetHTTP", "FleetService", "FleetStore", "FleetDomain", "FleetJSON", "SQLiteBackend",
                "PostgresBackend",
            ],
            system.union([
                "AsyncHTTPClient", "Crypto", "Foundation", "HTTPTypes", "Hummingbird", "Logging", "NIOCore", "NIOHTTP1",
                "ServiceLifecycle", "Synchronization",
            ])),
        "CPowerLossVFS": Row([]),
    ]

    /// What a source of a target imports against the rule, one sentence each.
    static func violations(in source: String, of target: String) -> [String] {
        guard let row = table[target] else { return ["\(target) is no known target"] }
        return importedModules(of: source).subtracting(row.ours).subtracting(row.others).sorted()
            .map { "\(target) may not import \($0)" }
    }

    static func importedModules(of source: String) -> Set<String> {
        Set(source.split(whereSeparator: \.isNewline).compactMap(importedModule))
    }

    private static let modifiers: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]
    private static let kinds: Set<Substring> = [
        "class", "enum", "func", "let", "protocol", "struct", "typealias", "var",
    ]

    /// The module of a line such as `@preconcurrency package import struct Module.Name`; nil for any other line.
    private static func importedModule(_ line: Substring) -> String? {
        let words = line.split(whereSeparator: \.isWhitespace).drop { $0.hasPrefix("@") || modifiers.contains($0) }
        guard words.first == "import" else { return nil }
        let path = words.dropFirst().drop(while: kinds.contains).first
        return path?.split { !($0.isLetter || $0.isNumber || $0 == "_") }.first.map(String.init)
    }
}

/// The files below Sources.
private enum SourceTree {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources").resolvingSymlinksInPath()

    /// Every folder of Sources that holds a file.
    static func targets() throws -> Set<String> {
        Set(
            try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
                .filter { try !files(below: $0).isEmpty }.map(\.lastPathComponent))
    }

    static func sources(of target: String) throws -> [URL] {
        try files(below: folder.appending(path: target)).filter { $0.pathExtension == "swift" }
    }

    private static func files(below folder: URL) throws -> [URL] {
        let found = try #require(
            FileManager.default.enumerator(at: folder, includingPropertiesForKeys: [.isRegularFileKey]))
        return try found.compactMap { $0 as? URL }
            .filter { try $0.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true }
    }
}

@Suite("The import rule")
struct ImportRuleTests {
    @Test("Sources holds exactly the known targets")
    func targetsAreKnown() throws {
        #expect(try SourceTree.targets() == Set(ImportRule.table.keys))
    }

    @Test("Every import of every source is allowed", arguments: ImportRule.table.keys.sorted())
    func importsAreAllowed(target: String) throws {
        for file in try SourceTree.sources(of: target) {
            let source = try String(contentsOf: file, encoding: .utf8)
            #expect(ImportRule.violations(in: source, of: target) == [], "\(file.path)")
        }
    }

    @Test("Imports are found at all: each layer is seen to import the one below")
    func importsAreFound() throws {
        for (upper, lower) in zip(ImportRule.layers, ImportRule.layers.dropFirst()) {
            let imported = try SourceTree.sources(of: upper).reduce(into: Set<String>()) {
                $0.formUnion(ImportRule.importedModules(of: try String(contentsOf: $1, encoding: .utf8)))
            }
            #expect(imported.contains(lower), "\(upper) → \(lower)")
        }
    }
}

@Suite("The table of the import rule")
struct ImportTableTests {
    @Test("No arrow turns: a layer may import only those below it")
    func layersPointDown() throws {
        for (index, layer) in ImportRule.layers.enumerated() {
            let below = Set(ImportRule.layers.dropFirst(index + 1)).union(ImportRule.backends.keys)
                .union(ImportRule.remoteBackends)
            #expect(try #require(ImportRule.table[layer]).ours.isSubset(of: below), "\(layer)")
        }
    }

    @Test("The core stays pure: FleetJSON imports nothing, FleetDomain only FleetJSON and collections")
    func coreIsPure() throws {
        let json = try #require(ImportRule.table["FleetJSON"])
        let domain = try #require(ImportRule.table["FleetDomain"])
        #expect(json.ours.union(json.others).isEmpty)
        #expect(domain.ours.union(domain.others) == ["FleetJSON", "DequeModule", "HeapModule"])
    }

    @Test("A backend is known to the executable, to the tests' kit where that needs it, and drives its library alone")
    func backendsAreHidden() throws {
        for (name, backend) in ImportRule.backends {
            let importers = ImportRule.table.filter { $0.value.ours.contains(name) }.keys
            let drivers = ImportRule.table.filter { $0.value.ours.contains(backend.library) }.keys
            #expect(Set(importers) == backend.importers)
            #expect(Set(drivers) == [name])
            #expect(try #require(ImportRule.table[name]).ours == backend.ours.union([backend.library]))
        }
    }

    @Test("A backend of a remote service is known to the executable alone, and has no layer above its port")
    func remoteBackendsAreHidden() throws {
        for backend in ImportRule.remoteBackends {
            let importers = ImportRule.table.filter { $0.value.ours.contains(backend) }.keys
            #expect(Set(importers) == ["fleet-coordination"])
            let ours = try #require(ImportRule.table[backend]).ours
            #expect(ours.isSubset(of: ["FleetService", "FleetStore", "FleetDomain", "FleetJSON"]))
        }
    }

    @Test(
        "A planted violation is reported, however it is written",
        arguments: [
            ("FleetHTTP", "import SQLiteBackend", "SQLiteBackend"),
            ("FleetStore", "    @preconcurrency package import FleetService // why", "FleetService"),
            ("FleetDomain", "import struct Foundation.Date", "Foundation"),
            ("FleetService", "@_exported import CSQLite", "CSQLite"),
            ("FleetJSON", "private import FleetDomain;", "FleetDomain"),
            ("FleetHTTP", "package import ClickHouseBackend", "ClickHouseBackend"),
            ("SQLiteBackend", "import FleetJSON\r\n", "FleetJSON"),
            ("FleetService", "package import KafkaBackend", "KafkaBackend"),
        ])
    func violationIsReported(target: String, line: String, module: String) {
        let source = "// import Nothing\n\n\(line)\n\nstruct Planted {}\n"
        #expect(ImportRule.violations(in: source, of: target) == ["\(target) may not import \(module)"])
    }

    @Test("The tests' kit is known to no target of the product")
    func testKitIsHidden() {
        #expect(ImportRule.table.values.allSatisfy { !$0.ours.contains("FleetTestSupport") })
    }

    @Test("An unknown target is reported")
    func unknownTargetIsReported() {
        #expect(ImportRule.violations(in: "", of: "FleetMagic") == ["FleetMagic is no known target"])
    }
}
