import FleetJSON
import FleetTestSupport
import Foundation
import Testing

@Suite("audit verify")
struct AuditVerifyTests {
    /// A service in which some things were done, stopped again.
    private struct Stage {
        let directory: ScratchDirectory
        /// What an auditor saved.
        let saved: Reply
        let size: Int64

        init() async throws {
            directory = try ScratchDirectory()
            let service = try await ServiceProcess.start(in: directory)
            for number in 1...5 { #expect(try await service.create("number \(number)").status == 201) }
            saved = try await service.waitForCheckpoint()
            size = try #require(saved["tree_size"]?.integerValue)
            try directory.write(saved.text, to: "checkpoint.json")
            try await service.stop()
        }

        func verify(_ arguments: String...) async throws -> (
            status: ChildProcess.Status, output: String, errors: String
        ) {
            let file = directory.path + "/checkpoint.json"
            return try await ServiceProcess.run(
                in: directory, [:], ["audit", "verify", "--checkpoint", file] + arguments)
        }
    }

    @Test("says beside the running service, and when it is stopped, that nothing was changed")
    func intact() async throws {
        let stage = try await Stage()
        let stopped = try await stage.verify()
        #expect(stopped.status == .exited(0) && stopped.output.hasPrefix("ok: \(stage.size) records "), "\(stopped)")
        let service = try await ServiceProcess.start(in: stage.directory)
        for number in 6...9 { #expect(try await service.create("number \(number)").status == 201) }
        let running = try await stage.verify()
        #expect(running.status == .exited(0) && running.output.hasPrefix("ok: \(stage.size) records "), "\(running)")
        try await service.stop()
        // The stop left a checkpoint of all that there is but itself.
        let covered = try await stage.verify()
        let end = try #require(covered.output.trimmed.split(separator: " ").last.flatMap { Int($0) })
        #expect(covered.output.contains(", \(end - 1) as later checkpoints in the log say"), "\(covered)")
        #expect(covered.status == .exited(0))
    }

    @Test("goes on with the same key after a kill, and after another encryption key has taken over")
    func sameKey() async throws {
        let stage = try await Stage()
        let service = try await ServiceProcess.start(in: stage.directory)
        #expect(try await service.create("late").status == 201)
        try await service.kill()
        let key = try stage.directory.write("6OC0Uu9ciWmQG7DKTDe1TqgzlaTHT6yhZyNChk3lPL8=", to: "new-key")
        let rewrap = try await ServiceProcess.run(in: stage.directory, [:], ["keys", "rewrap", "--new-key-file", key])
        #expect(rewrap.status == .exited(0), "\(rewrap)")
        let next = try await ServiceProcess.start(in: stage.directory, ["ENCRYPTION_KEY_FILE": key])
        let later = try await eventually("a later checkpoint") {
            let reply = try await next.waitForCheckpoint()
            return reply["tree_size"]?.integerValue ?? 0 > stage.size ? reply : nil
        }
        #expect(later["public_key"] == stage.saved["public_key"])
        #expect(try await stage.verify().status == .exited(0))
    }

    @Test(
        "exits 1 and names the first record that is not what it was",
        arguments: Effort.one(of: [
            ("changed: the record at position 3,", "UPDATE events SET data = data || ' ' WHERE position = 3"),
            ("removed: the record at position 3,", "DELETE FROM events WHERE position = 3"),
            ("cut off: the log has no record at position 3 ", "DELETE FROM events WHERE position >= 3"),
            (
                "re-ordered: the record at position 3,",
                """
                UPDATE events SET position = -1 WHERE position = 3; UPDATE events SET position = 3 WHERE position = 4;
                UPDATE events SET position = 4 WHERE position = -1
                """
            ),
            (
                "inserted: the record at position 3,",
                """
                UPDATE events SET position = -position WHERE position >= 3;
                UPDATE events SET position = 1 - position WHERE position < 0;
                INSERT INTO events SELECT 3, x'00112233445566778899aabbccddeeff', type, actor, acting_fleet_id, request_id,
                    at, audience, data, is_privileged FROM events WHERE position = 2
                """
            ),
            (
                "broken: a record after position ",
                "UPDATE events SET actor = 'x' WHERE position = 3; DELETE FROM audit_tiles"
            ),
        ]))
    func tampered(line: String, statements: String) async throws {
        let stage = try await Stage()
        try database(in: stage.directory, statements)
        let (status, output, errors) = try await stage.verify()
        #expect(status == .exited(1) && errors == "", "\(errors)")
        #expect(output.hasPrefix(line) && output.lines.count == 1, "\(output)")
    }

    @Test("says what is wrong with what it is given")
    func given() async throws {
        let stage = try await Stage()
        func complaint(_ arguments: String...) async throws -> String {
            let run = try await ServiceProcess.run(in: stage.directory, [:], ["audit", "verify"] + arguments)
            #expect(run.status == .exited(1) && run.output == "", "\(run)")
            return run.errors.trimmed
        }
        let note = try stage.directory.write(stage.saved["note"]?.stringValue ?? "", to: "note")
        let key = stage.saved["public_key"]?.stringValue ?? ""
        let run = try await stage.verify("--public-key", key)
        #expect(run.status == .exited(0))
        let bare = try await ServiceProcess.run(
            in: stage.directory, [:], ["audit", "verify", "--checkpoint", note, "--public-key", key])
        #expect(bare.status == .exited(0), "\(bare)")
        #expect(try await complaint("--checkpoint", note).contains("--public-key is needed for a note alone"))
        #expect(try await complaint("--checkpoint", "absent").contains("--checkpoint names a file that cannot be read"))
        let other = try await Stage()
        let foreign = other.directory.path + "/checkpoint.json"
        #expect(try await complaint("--checkpoint", foreign).contains("--checkpoint is of another log"))
        let wrong = other.saved["public_key"]?.stringValue ?? ""
        #expect(
            try await complaint("--checkpoint", note, "--public-key", wrong).contains("is not signed by this key"))
    }
}

extension ServiceProcess {
    /// The newest checkpoint, once everything that was logged before is covered by one.
    @discardableResult
    func waitForCheckpoint() async throws -> Reply {
        try await eventually("a checkpoint") {
            let reply = try await send("GET", "/audit-log/checkpoint")
            let last = try await send("GET", "/events?types=audit.checkpointed&limit=1000").last
            let end = try await send("GET", "/events?limit=1000").last
            return reply.status == 200 && last == end ? reply : nil
        }
    }
}

extension Reply {
    /// The id of the last event of a list.
    fileprivate var last: String? { self["events"]?.arrayValue?.last?.objectValue?["id"]?.stringValue }
}
