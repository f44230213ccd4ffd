import Crypto
import FleetDomain
import FleetService
import FleetStore
import FleetTestSupport
import Foundation
import Logging
import Synchronization
import Testing

@Suite("The tree over the log", .timeLimit(.minutes(Effort.minutes(2))))
struct AuditTreeTests {
    @Test("A checkpoint has the root of all records before it, also across tiles and levels")
    func roots() async throws {
        for filler: Int64 in [0, 253, 254, 255, 256, 511, 1000] + (Effort.isThorough ? [65_535] : []) {
            try await AuditedLog.run(filler: filler) { log in
                let first = try await log.checkpoint(after: 1, "first")
                let second = try await log.checkpoint(after: 1, "second")
                // The checkpoint between them is a record as well.
                #expect(first.treeSize == filler + 1 && second.treeSize == filler + 3)
                let leaves = try await log.leaves()
                for checkpoint in [first, second] {
                    let root = Definition.root(leaves[..<Int(checkpoint.treeSize)])
                    #expect(checkpoint.rootHash == Data(root).base64EncodedString(), "\(filler)")
                }
                let proof = try await log.audit.consistencyProof(from: first.treeSize, to: second.treeSize)
                #expect(proof == Definition.proof(Int(first.treeSize), leaves[..<Int(second.treeSize)]))
            }
        }
    }

    @Test("Every record has the proof of the definition, read from the tiles")
    func proofs() async throws {
        try await AuditedLog.run(filler: 600) { log in
            let size = Int(try await log.checkpoint(after: 1, "last").treeSize)
            let leaves = try await log.leaves()[..<size]
            for index in stride(from: 0, to: size, by: 7) {
                let proof = try await log.audit.inclusionProof(at: Int64(index) + 1, in: Int64(size))
                #expect(proof.leafIndex == Int64(index) && proof.leafHash == leaves[index])
                #expect(proof.hashes == Definition.path(index, leaves))
            }
            for old in stride(from: 1, through: size, by: 7) {
                let proof = try await log.audit.consistencyProof(from: Int64(old), to: Int64(size))
                #expect(proof == Definition.proof(old, leaves))
            }
        }
    }

    @Test("There is one when something was logged, and none for a checkpoint alone")
    func due() async throws {
        try await AuditedLog.run { log in
            #expect(try await log.audit.makeCheckpoint() == nil)
            try await log.log(3)
            let checkpoint = try #require(try await log.audit.makeCheckpoint())
            #expect(checkpoint.treeSize == 3)
            for _ in 0..<3 { #expect(try await log.audit.makeCheckpoint() == nil) }
            let event = try #require(try await log.writer.log().last)
            #expect(event.entity == .checkpoint(checkpoint) && event.type == .auditCheckpointed)
            #expect(event.actor == Event.clock && event.audience == Audience() && !event.isPrivileged)
            #expect(try await log.store.lastCheckpoint() == checkpoint)
            try await log.writer.expectSound()
        }
    }

    @Test("Killed at any commit, before it or after, it goes on to the tree that it would have made")
    func killed() async throws {
        // More than one commit of tiles.
        let filler: Int64 = 16_400
        for happens in Effort.one(of: [false, true]) {
            var step = 0
            while try await !isOver(at: step, filler: filler, happens: happens) { step += 1 }
            // The tiles in two commits, and the checkpoint.
            #expect(step == 3)
        }
    }

    /// - Returns: whether there was no such step.
    private func isOver(at step: Int, filler: Int64, happens: Bool) async throws -> Bool {
        let wasCut = Mutex(false)
        try await AuditedLog.run(filler: filler) { log in
            try await log.log(1)
            let count = Mutex(0)
            let fault: FaultyDatabase.Fault = { batch in
                guard !batch.allSatisfy(\.isSweep) else { return nil }
                let isCut = count.withLock { count in
                    defer { count += 1 }
                    return count == step
                }
                guard isCut else { return nil }
                wasCut.withLock { $0 = true }
                return happens ? .outcomeUnknown("cut") : .unavailable("cut")
            }
            if happens { log.writer.database.setFaultAfterCommit(fault) } else { log.writer.database.setFault(fault) }
            _ = try? await log.audit.makeCheckpoint()
            log.writer.database.setFault(nil)
            log.writer.database.setFaultAfterCommit(nil)
            _ = try await log.audit.makeCheckpoint()
            let checkpoint = try #require(try await log.store.lastCheckpoint())
            let size = filler + 1
            let end = try await log.store.endOfLog()
            let verdict = try await log.verify(checkpoint)
            #expect(verdict == .intact(size: size, covered: size, end: end, treeDiffersAt: nil), "\(verdict)")
            try await log.writer.expectSoundOfAll()
        }
        return !wasCut.withLock { $0 }
    }

    @Test("Nothing is signed that contradicts what was signed before")
    func contradiction() async throws {
        try await AuditedLog.run(filler: 300) { log in
            let checkpoint = try await log.checkpoint(after: 1, "first")
            try await log.tamper(
                SQL("test.tamper", "UPDATE events SET actor = 'other' WHERE position = 5"),
                SQL("test.tamper", "DELETE FROM audit_tiles"))
            try await log.log(1, "second")
            await #expect(throws: StoreError.self) { try await log.audit.makeCheckpoint() }
            #expect(try await log.store.lastCheckpoint() == checkpoint)
        }
    }

    @Test("Its notes are signed notes of C2SP")
    func notes() async throws {
        try await AuditedLog.run { log in
            let checkpoint = try await log.checkpoint(after: 2, "fleet")
            let lines = checkpoint.note.components(separatedBy: "\n")
            #expect(lines.count == 6 && lines[3] == "" && lines[5] == "")
            #expect(lines[1] == "2" && lines[2] == checkpoint.rootHash)
            let words = lines[4].components(separatedBy: " ")
            #expect(words.count == 3 && words[0] == "\u{2014}" && words[1] == lines[0])
            let key = try #require(Data(base64Encoded: log.signer.publicKey.text))
            let signature = try #require(Data(base64Encoded: words[2]))
            let hash = SHA256.hash(data: Array("\(lines[0])\n".utf8) + [1] + key)
            #expect(Array(signature.prefix(4)) == Array(hash.prefix(4)) && signature.count == 68)
            let body = Data(lines[..<3].joined(separator: "\n").utf8) + Data([10])
            let verifier = try Curve25519.Signing.PublicKey(rawRepresentation: key)
            #expect(verifier.isValidSignature(signature.dropFirst(4), for: body))
            let note = try #require(CheckpointNote(checkpoint.note))
            #expect(note.isSigned(by: log.signer.publicKey) && note.treeSize == 2)
            for (one, other) in [("\n2\n", "\n3\n"), (lines[0], "elsewhere"), ("\n\n", "\n"), ("\u{2014} ", "- ")] {
                let changed = CheckpointNote(checkpoint.note.replacing(one, with: other))
                #expect(changed?.isSigned(by: log.signer.publicKey) != true, "\(other)")
            }
        }
    }

    @Test("The key that signs outlives starts and another encryption key")
    func key() async throws {
        let log = Store(database: try await TestDatabase.open())
        try await log.migrate(now: VirtualClock.start)
        let keys = KeyStore(database: try await TestDatabase.open())
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let (old, new) = (KeyEncryptionKey.make(), KeyEncryptionKey.make())
        let first = try await Vault.open(keys, key: old, of: log, logger: logger).signer().publicKey.text
        #expect(try await Vault.open(keys, key: old, of: log, logger: logger).signer().publicKey.text == first)
        #expect(try await Vault.rewrap(keys, from: old, to: new) == 0)
        #expect(try await Vault.open(keys, key: new, of: log, logger: logger).signer().publicKey.text == first)
        await log.database.close()
        await keys.database.close()
    }
}

extension RunningWriter {
    /// What the writer remembers is what the tables say, where the log has records that are no events.
    fileprivate func expectSoundOfAll() async throws {
        let differences = try await store.loadLedger().differences(from: ledger())
        #expect(differences.isEmpty)
    }
}
