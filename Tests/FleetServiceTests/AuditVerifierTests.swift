import FleetDomain
import FleetService
import FleetStore
import FleetTestSupport
import Foundation
import Testing

@Suite("A log that is verified", .timeLimit(.minutes(Effort.minutes(2))))
struct AuditVerifierTests {
    /// What was done to a log of 608 records; `size` of the trusted checkpoint.
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let statements: [SQL]
        let kind: AuditVerdict.Break
        let position: Int64

        init(_ name: String, _ kind: AuditVerdict.Break, at position: Int64, _ statements: SQL...) {
            testDescription = name
            self.kind = kind
            self.position = position
            self.statements = statements
        }
    }

    private static func shift(behind position: Int64, by distance: Int64) -> [SQL] {
        [
            SQL("test.away", "UPDATE events SET position = -position WHERE position > \(position)"),
            SQL("test.back", "UPDATE events SET position = \(distance) - position WHERE position < 0"),
        ]
    }

    private static let change = SQL("test.change", "UPDATE events SET data = data || ' ' WHERE position = 300")
    private static let remove = SQL("test.remove", "DELETE FROM events WHERE position = 300")
    private static func inserted(at position: Int64) -> SQL {
        SQL(
            "test.insert",
            """
            INSERT INTO events (position, event_id, type, actor, acting_fleet_id, request_id, at, audience, data, \
            is_privileged) SELECT \(position), x'00112233445566778899aabbccddeeff', type, actor, acting_fleet_id, \
            request_id, at, audience, data, is_privileged FROM events WHERE position = 299
            """)
    }

    private static let cut = SQL("test.cut", "DELETE FROM events WHERE position >= 300")

    static let cases: [Case] = [
        Case("data changed", .changed, at: 300, change),
        Case(
            "id changed", .changed, at: 300,
            SQL("test.change", "UPDATE events SET event_id = x'01' WHERE position = 300")),
        Case(
            "time changed", .changed, at: 300, SQL("test.change", "UPDATE events SET at = at + 1 WHERE position = 300")),
        Case(
            "privilege changed", .changed, at: 1,
            SQL("test.change", "UPDATE events SET is_privileged = 1 - is_privileged WHERE position = 1")),
        Case(
            "changed to what is no text", .changed, at: 300,
            SQL("test.change", "UPDATE events SET actor = CAST(x'ff' AS TEXT) WHERE position = 300")),
        Case(
            "two changed", .changed, at: 300, change,
            SQL("test.change", "UPDATE events SET type = 'x' WHERE position = 301")),
        Case("removed", .removed, at: 300, remove),
        Case("removed at the beginning", .removed, at: 1, SQL("test.remove", "DELETE FROM events WHERE position = 1")),
        Case(
            "removed and closed up", .removed, at: 300, remove, shift(behind: 300, by: -1)[0],
            shift(behind: 300, by: -1)[1]),
        Case(
            "two removed and closed up", .removed, at: 300,
            SQL("test.remove", "DELETE FROM events WHERE position IN (300, 301)"),
            shift(behind: 301, by: -2)[0], shift(behind: 301, by: -2)[1]),
        Case(
            "removed, and the next changed", .removed, at: 300, remove,
            SQL("test.change", "UPDATE events SET type = 'x' WHERE position = 301")),
        Case(
            "inserted", .inserted, at: 300, shift(behind: 299, by: 1)[0], shift(behind: 299, by: 1)[1],
            inserted(at: 300)),
        Case("inserted before the beginning", .inserted, at: 1, inserted(at: 0)),
        Case(
            "neighbours swapped", .reordered, at: 300,
            SQL("test.swap", "UPDATE events SET position = -1 WHERE position = 300"),
            SQL("test.swap", "UPDATE events SET position = 300 WHERE position = 301"),
            SQL("test.swap", "UPDATE events SET position = 301 WHERE position = -1")),
        Case(
            "moved far behind", .reordered, at: 10,
            SQL("test.move", "UPDATE events SET position = 100000 WHERE position = 10"),
            shift(behind: 10, by: -1)[0], shift(behind: 10, by: -1)[1]),
        Case("cut off", .cutOff, at: 300, cut),
        Case("all gone", .cutOff, at: 1, SQL("test.cut", "DELETE FROM events")),
    ]

    /// Checkpoints of 101, 203, 405 and 608 records, and one that is not covered.
    private static func run(
        _ body: @Sendable (AuditedLog, _ checkpoints: [Checkpoint]) async throws -> Void
    ) async throws {
        try await AuditedLog.run { log in
            var checkpoints: [Checkpoint] = []
            for (name, count) in [("a", 101), ("b", 101), ("c", 201), ("d", 202)] {
                checkpoints.append(try await log.checkpoint(after: count, name))
            }
            #expect(checkpoints.map(\.treeSize) == [101, 203, 405, 608])
            try await body(log, checkpoints)
        }
    }

    @Test("is as each of its checkpoints says, and says how far that goes")
    func intact() async throws {
        try await Self.run { log, checkpoints in
            for checkpoint in checkpoints {
                let verdict = try await log.verify(checkpoint)
                #expect(
                    verdict == .intact(size: checkpoint.treeSize, covered: 608, end: 609, treeDiffersAt: nil),
                    "\(verdict)")
            }
            #expect(
                try await log.verify(checkpoints[0]).description
                    == "ok: 101 records are as the checkpoint says, 608 as later checkpoints in the log say; the log has 609"
            )
        }
    }

    @Test("names the first record that is not what it was", arguments: Effort.part(of: cases))
    func named(one: Case) async throws {
        try await Self.run { log, checkpoints in
            let before = try await log.store.auditLeaves(after: 0, limit: 1000)
            try await log.writer.database.commit(one.statements)
            let verdict = try await log.verify(checkpoints[3])
            guard case .broken(let kind, let position, let record, let after) = verdict else {
                Issue.record("\(verdict)")
                return
            }
            #expect(kind == one.kind && position == one.position, "\(verdict)")
            #expect(after == (position == 1 ? nil : before[Int(position) - 2].id), "\(verdict)")
            let now = try await log.store.auditLeaves(after: position - 1, limit: 1)
            if kind == .changed || kind == .reordered { #expect(record == now.first?.id, "\(verdict)") }
            #expect(verdict.description.hasPrefix("\(one.kind.rawValue): "))
            // A checkpoint of less is no witness of what came after, but those behind it in the log are.
            if position > 203 { #expect(try await log.verify(checkpoints[1]) == verdict) }
        }
    }

    @Test("shows records that were moved, though the stored tree is gone")
    func moved() async throws {
        try await Self.run { log, checkpoints in
            try await log.writer.database.commit([
                SQL("test.away", "UPDATE events SET position = -position WHERE position > 300"),
                SQL("test.back", "UPDATE events SET position = 1000 - position WHERE position < 0"),
                SQL("test.forge", "DELETE FROM audit_tiles"),
            ])
            let verdict = try await log.verify(checkpoints[3])
            guard case .broken(let kind, let position, _, _) = verdict else {
                Issue.record("\(verdict)")
                return
            }
            #expect(kind == .reordered && position == 301)
        }
    }

    @Test(
        "is bounded by the checkpoints in it where the stored tree was changed as well",
        arguments: Effort.part(of: cases))
    func bounded(one: Case) async throws {
        try await Self.run { log, checkpoints in
            let before = try await log.store.auditLeaves(after: 0, limit: 1000)
            try await log.writer.database.commit(one.statements)
            try await log.forgeTree()
            let verdict = try await log.verify(checkpoints[3])
            guard case .brokenWithin(let good, let bad, let end) = verdict else {
                Issue.record("\(verdict)")
                return
            }
            let sizes = [0] + checkpoints.map(\.treeSize)
            let wanted = sizes.last { $0 < one.position } ?? 0
            #expect(good.position == wanted && bad.position == sizes.first { $0 >= one.position }, "\(verdict)")
            #expect(good.record == (wanted == 0 ? nil : before[Int(wanted) - 1].id))
            #expect(end == (try await log.store.endOfLog()))
        }
    }

    @Test("is not vouched for by a checkpoint that another key has signed")
    func forgedCheckpoints() async throws {
        try await Self.run { log, checkpoints in
            // Who has no key may write notes, and signs nothing with them.
            try await log.tamper(
                Self.change,
                SQL(
                    "test.forge",
                    "UPDATE audit_checkpoints SET note = replace(note, char(10) || '405' || char(10), char(10) || '404' || char(10)) WHERE tree_size = 405"
                ))
            try await log.forgeTree()
            let verdict = try await log.verify(checkpoints[3])
            guard case .brokenWithin(let good, let bad, _) = verdict else {
                Issue.record("\(verdict)")
                return
            }
            #expect(good.position == 203 && bad.position == 608)
        }
    }

    @Test("is intact where only the stored tree was changed, and that is said")
    func treeAlone() async throws {
        try await Self.run { log, checkpoints in
            try await log.tamper(
                SQL("test.tamper", "UPDATE audit_tiles SET hashes = randomblob(8192) WHERE level = 0 AND number = 1"))
            let verdict = try await log.verify(checkpoints[3])
            #expect(verdict == .intact(size: 608, covered: 608, end: 609, treeDiffersAt: 257), "\(verdict)")
        }
    }

    @Test("is checked against nothing that is not signed by its key")
    func trust() async throws {
        try await AuditedLog.run { log in
            let checkpoint = try await log.checkpoint(after: 3, "a")
            let key = log.signer.publicKey.text
            let answer = { (note: String, key: String) in
                let note = note.replacing("\n", with: "\\n")
                return #"{"tree_size":3,"public_key":"\#(key)","note":"\#(note)"}"#
            }
            func failure(_ text: String, _ key: String?) -> TrustedCheckpointError? {
                do throws(TrustedCheckpointError) {
                    _ = try TrustedCheckpoint(text, publicKey: key)
                    return nil
                } catch {
                    return error
                }
            }
            #expect(failure(answer(checkpoint.note, key), nil) == nil)
            #expect(failure(checkpoint.note, key) == nil)
            #expect(failure(checkpoint.note, nil) == .keyMissing)
            #expect(failure(checkpoint.note, "short") == .keyUnreadable)
            #expect(failure("nothing", key) == .unreadable)
            #expect(failure(#"{"tree_size":3}"#, key) == .unreadable)
            let other = Data((0..<32).map { _ in 1 }).base64EncodedString()
            #expect(failure(answer(checkpoint.note, other), nil) == .notSigned)
            let changed = checkpoint.note.replacing("\n3\n", with: "\n2\n")
            #expect(failure(answer(changed, key), nil) == .notSigned)
        }
    }
}

extension AuditedLog {
    /// Makes the stored tree one of the records as they are now.
    fileprivate func forgeTree() async throws {
        let leaves = try await leaves()
        var tiles: [AuditTile] = []
        for (number, start) in stride(from: 0, to: leaves.count, by: AuditTile.width).enumerated() {
            let hashes = leaves[start..<min(start + AuditTile.width, leaves.count)]
            tiles.append(AuditTile(level: 0, number: Int64(number), hashes: hashes.flatMap(\.self)))
        }
        try await tamper(SQL("test.forge", "DELETE FROM audit_tiles"))
        if !tiles.isEmpty { try await store.keep(tiles, epoch: 0) }
    }
}
