import Crypto
import FleetDomain
import FleetHTTP
import FleetJSON
import FleetTestSupport
import Foundation
import Testing

/// What auditors take away, and check without us.
@Suite("A proof over HTTP")
struct AuditProofTests {
    @Test("A checkpoint is signed by the key that it names, and is told again until there is another")
    func checkpoint() async throws {
        try await TestService.run { service in
            try await service.refused(404, "checkpoint_not_found", "GET", "/audit-log/checkpoint")
            _ = try await service.found([("north", "none")])
            try await service.makeCheckpoint()
            let first = try await service.ok("GET", "/audit-log/checkpoint")
            let lines = first.text("note").components(separatedBy: "\n")
            #expect(first["tree_size"]?.integerValue == Int64(lines[1]) && first.text("root_hash") == lines[2])
            #expect(first.text("made_at") == service.clock.now.description)
            let signature = try #require(Data(base64Encoded: lines[4].components(separatedBy: " ")[2]))
            let key = try Curve25519.Signing.PublicKey(
                rawRepresentation: try #require(Data(base64Encoded: first.text("public_key"))))
            let body = Data((lines[..<3].joined(separator: "\n") + "\n").utf8)
            #expect(key.isValidSignature(signature.dropFirst(4), for: body))
            #expect(try await service.ok("GET", "/audit-log/checkpoint").bytes == first.bytes)
            try await service.ok("POST", "/federations", #"{"name":"another"}"#)
            try await service.makeCheckpoint()
            let second = try await service.ok("GET", "/audit-log/checkpoint")
            #expect(second["tree_size"]?.integerValue == (first["tree_size"]?.integerValue ?? 0) + 2)
            #expect(second.text("public_key") == first.text("public_key"))
        }
    }

    @Test("Every audit record is proved to be under the root of the newest checkpoint")
    func inclusion() async throws {
        try await TestService.run { service in
            try await service.grow()
            let checkpoint = try await service.ok("GET", "/audit-log/checkpoint")
            let root = try #require(Data(base64Encoded: checkpoint.text("root_hash")))
            let size = try #require(checkpoint["tree_size"]?.integerValue)
            let records = try await service.audit()
            // The last is the checkpoint itself.
            #expect(records.count == Int(size) + 1 && records.last?.text("action") == "audit.checkpointed")
            var indexes: [Int64] = []
            for record in records.prefix(Int(size)) {
                let proof = try await service.ok("GET", "/audit-log/proof?record=\(record.text("record_id"))")
                #expect(proof.text("record_id") == record.text("record_id"))
                #expect(
                    proof["tree_size"]?.integerValue == size && proof.text("root_hash") == root.base64EncodedString())
                let index = try #require(proof["leaf_index"]?.integerValue)
                indexes.append(index)
                let leaf = try #require(Data(base64Encoded: proof.text("leaf_hash")))
                #expect(isIncluded(leaf, at: index, of: size, under: root, by: proof.hashes))
                #expect(!isIncluded(leaf, at: (index + 1) % size, of: size, under: root, by: proof.hashes))
            }
            #expect(indexes == Array(0..<size))
        }
    }

    @Test("Each checkpoint is proved to continue each before")
    func consistency() async throws {
        try await TestService.run { service in
            var roots: [(size: Int64, root: Data)] = []
            for _ in 0..<4 {
                try await service.grow()
                let reply = try await service.ok("GET", "/audit-log/checkpoint")
                roots.append(
                    (
                        try #require(reply["tree_size"]?.integerValue),
                        try #require(Data(base64Encoded: reply.text("root_hash")))
                    ))
            }
            for (index, new) in roots.enumerated() {
                for old in roots[...index] {
                    let path = "/audit-log/proof?from_size=\(old.size)&to_size=\(new.size)"
                    let proof = try await service.ok("GET", path)
                    #expect(proof["from_size"]?.integerValue == old.size && proof["to_size"]?.integerValue == new.size)
                    #expect(isContinued(old, by: new, proof.hashes))
                    #expect(!isContinued((old.size, Data(repeating: 1, count: 32)), by: new, proof.hashes))
                }
            }
        }
    }

    @Test("What cannot be proved is refused by its own code")
    func refusals() async throws {
        try await TestService.run { service in
            try await service.grow()
            let size = try #require(try await service.ok("GET", "/audit-log/checkpoint")["tree_size"]?.integerValue)
            let newest = try #require(try await service.audit().last).text("record_id")
            let absent = "00000000-0000-7000-8000-000000000000"
            let refusals: [(String, Int, String)] = [
                ("", 400, "invalid_parameter"), ("?from_size=1", 400, "invalid_parameter"),
                ("?to_size=1", 400, "invalid_parameter"), ("?from_size=2&to_size=1", 400, "invalid_parameter"),
                ("?from_size=0&to_size=1", 400, "invalid_parameter"),
                ("?from_size=x&to_size=1", 400, "invalid_parameter"),
                ("?record=\(newest)&from_size=1&to_size=1", 400, "invalid_parameter"),
                ("?record=\(newest)&to_size=1", 400, "invalid_parameter"), ("?record=x", 400, "invalid_parameter"),
                ("?from_size=1&to_size=\(size + 1)", 400, "size_in_future"),
                ("?record=\(absent)", 404, "record_not_found"), ("?record=\(newest)", 409, "record_not_covered"),
            ]
            for (query, status, code) in refusals {
                try await service.refused(status, code, "GET", "/audit-log/proof" + query)
            }
            try await service.ok("GET", "/audit-log/proof?from_size=\(size)&to_size=\(size)")
        }
    }

    @Test("Who may not read all of the audit log learns nothing that counts it")
    func permissions() async throws {
        try await TestService.run { service in
            let federation = try await service.found([("north", "none")])
            try await service.makeCheckpoint()
            let record = try #require(try await service.audit().first).text("record_id")
            let paths = [
                "/audit-log/checkpoint", "/audit-log/proof?record=\(record)", "/audit-log/proof?from_size=1&to_size=1",
            ]
            let some = [
                try await service.key([.fleetOperator], fleets: [apiName("north")]),
                try await service.key([.federationCoordinator], federations: [apiID(federation)]),
                try await service.key([.fleetViewer], fleets: [apiName("north")]),
                try await service.key([.service], fleets: [apiName("north")], scopes: [.auditRead, .eventRead]),
            ]
            for key in some {
                for path in paths {
                    let reply = try await service.send("GET", path, key: .some(key))
                    reply.expectProblem(403, "permission_denied", path)
                }
                let events = try await service.send("GET", "/events", key: .some(key))
                #expect(!events.body.contains("checkpointed"))
                let records = try await service.send("GET", "/audit-log?page_size=1000", key: .some(key))
                #expect(!records.body.contains("checkpointed"))
            }
            for key in [service.adminKey, try await service.key([.auditor])] {
                for path in paths { try await service.ok("GET", path, key: .some(key)) }
                let events = try await service.ok("GET", "/events?types=audit.checkpointed", key: .some(key))
                let checkpoint = try await service.ok("GET", "/audit-log/checkpoint", key: .some(key))
                let data = try #require(events.rows("events").first?["data"]?.objectValue)
                #expect(events.rows("events").count == 1 && data.text("note") == checkpoint.text("note"))
                #expect(try await service.audit("action=audit.checkpointed", key: .some(key)).count == 1)
            }
        }
    }
}

extension TestService {
    /// Logs some records, and has them covered.
    fileprivate func grow() async throws {
        for number in 0..<5 { try await ok("POST", "/federations", #"{"name":"number \#(number)"}"#) }
        try await makeCheckpoint()
    }
}

extension TestService.Reply {
    fileprivate var hashes: [Data] {
        (self["hashes"]?.arrayValue ?? []).compactMap { $0.stringValue.flatMap { Data(base64Encoded: $0) } }
    }
}

private func node(_ left: Data, _ right: Data) -> Data { Data(SHA256.hash(data: Data([1]) + left + right)) }

/// The algorithm of RFC 9162, section 2.1.3.2.
private func isIncluded(_ leaf: Data, at index: Int64, of size: Int64, under root: Data, by path: [Data]) -> Bool {
    var (fn, sn, r) = (index, size - 1, leaf)
    for p in path {
        guard sn != 0 else { return false }
        if fn & 1 == 1 || fn == sn {
            r = node(p, r)
            while fn & 1 == 0, fn != 0 { (fn, sn) = (fn >> 1, sn >> 1) }
        } else {
            r = node(r, p)
        }
        (fn, sn) = (fn >> 1, sn >> 1)
    }
    return sn == 0 && r == root
}

/// The algorithm of RFC 9162, section 2.1.4.2.
private func isContinued(
    _ old: (size: Int64, root: Data), by new: (size: Int64, root: Data), _ path: [Data]
) -> Bool {
    guard old.size != new.size else { return path.isEmpty && old.root == new.root }
    let path = old.size & (old.size - 1) == 0 ? [old.root] + path : path
    guard let first = path.first else { return false }
    var (fn, sn) = (old.size - 1, new.size - 1)
    while fn & 1 == 1 { (fn, sn) = (fn >> 1, sn >> 1) }
    var (fr, sr) = (first, first)
    for c in path.dropFirst() {
        guard sn != 0 else { return false }
        if fn & 1 == 1 || fn == sn {
            fr = node(c, fr)
            sr = node(c, sr)
            while fn & 1 == 0, fn != 0 { (fn, sn) = (fn >> 1, sn >> 1) }
        } else {
            sr = node(sr, c)
        }
        (fn, sn) = (fn >> 1, sn >> 1)
    }
    return fr == old.root && sr == new.root && sn == 0
}
