import Crypto
import FleetDomain
import FleetHTTP
import FleetJSON
import FleetService
import FleetTestSupport
import Foundation
import Testing

/// Messages that their sources sign (RFC 9421).
@Suite("A signed message", .timeLimit(.minutes(2)))
struct SignedMessageTests {
    /// One who signs as red.
    private struct Signer {
        let key = Curve25519.Signing.PrivateKey()
        let stage: MessageStage
        private(set) var keyID = ""
        var components = ["@method", "@path", "content-digest"]
        var path = API.base + "/messages"

        init(_ stage: MessageStage, isRequired: Bool = false) async throws {
            self.stage = stage
            let text = key.publicKey.rawRepresentation.base64EncodedString()
            let set = try await stage.service.ok(
                "PUT", "/fleets/red/signing-key", #"{"public_key":"\#(text)","required":\#(isRequired)}"#,
                key: .some(stage.key("red")))
            keyID = set["signing_key"]?.objectValue?.text("key_id") ?? ""
        }

        var now: Int64 { stage.service.clock.now.milliseconds / 1000 }

        func body(_ more: String = "") -> String {
            stage.service.message(stage.federation, from: "red", to: "blue", #"{ "weight" : 1.50 }"#, more: more)
        }

        /// The headers of a request with this body.
        func headers(
            _ body: String, created: Int64? = nil, nonce: String = "nonce-0001", more: String = ""
        ) throws -> [String: String] {
            let digest = "sha-256=:\(Data(SHA256.hash(data: Data(body.utf8))).base64EncodedString()):"
            let values = ["@method": "POST", "@path": path, "content-digest": digest]
            let list = components.map { "\"\($0)\"" }.joined(separator: " ")
            let input = "(\(list));created=\(created ?? now);nonce=\"\(nonce)\";keyid=\"\(keyID)\"\(more)"
            let base =
                components.map { "\"\($0)\": \(values[$0] ?? "")" }.joined(separator: "\n")
                + "\n\"@signature-params\": \(input)"
            let signature = try key.signature(for: Data(base.utf8)).base64EncodedString()
            return ["Content-Digest": digest, "Signature-Input": "sig1=\(input)", "Signature": "sig1=:\(signature):"]
        }

        func send(_ body: String, _ headers: [String: String], query: String = "") async throws -> TestService.Reply {
            try await stage.service.send(
                "POST", "/messages\(query)", body, key: .some(stage.key("red")), headers: headers)
        }
    }

    @Test("is verified, and can be verified by its recipient with what it receives, whatever it thinks of the service")
    func verifiable() async throws {
        try await MessageStage.run { stage in
            let signer = try await Signer(stage)
            let body = signer.body()
            let sent = try await signer.send(body, try signer.headers(body))
            #expect(sent.status == 201, "\(sent.body)")
            let received = try #require(try await stage.inbox("blue").rows("messages").first)
            #expect(received["message_content"] == ["weight": .double(1.5)])
            let signature = try #require(received["signature"]?.objectValue)
            #expect(signature.text("signed_body") == body)
            let key = try Curve25519.Signing.PublicKey(
                rawRepresentation: try #require(Base64URL.decode(Array(signature.text("public_key").utf8))))
            let value = try #require(Data(base64Encoded: signature.text("signature")))
            let base = signature.text("signature_base")
            #expect(key.isValidSignature(value, for: Data(base.utf8)))
            #expect(key.rawRepresentation == signer.key.publicKey.rawRepresentation)
            let digest = Data(SHA256.hash(data: Data(body.utf8))).base64EncodedString()
            #expect(base.contains("\"content-digest\": sha-256=:\(digest):\n"))
            // The key of today is another; the message keeps the one that it was signed with.
            _ = try await Signer(stage)
            let read = try await stage.service.ok(
                "GET", "/messages/\(sent.text("message_id"))", key: .some(stage.key("blue")))
            #expect(read["signature"]?.objectValue == signature)
        }
    }

    @Test("is refused for whatever does not fit, and nothing is stored")
    func refused() async throws {
        try await MessageStage.run { stage in
            let former = try await Signer(stage)
            let current = try await Signer(stage)
            let (body, now) = (current.body(), current.now)
            let valid = try current.headers(body)
            var (elsewhere, lacking) = (current, current)
            elsewhere.path = API.base + "/other"
            lacking.components = ["@method", "content-digest"]
            let forged = try Curve25519.Signing.PrivateKey().signature(for: Data("x".utf8)).base64EncodedString()
            func changed(_ name: String, _ value: String?) -> [String: String] {
                var headers = valid
                headers[name] = value
                return headers
            }
            let input = valid["Signature-Input"] ?? ""
            let refusals: [(String, [String: String])] = [
                ("signature_invalid", changed("Signature", "sig1=:\(forged):")),
                ("signature_invalid", changed("Signature", nil)),
                ("signature_invalid", changed("Signature", "other=" + (valid["Signature"] ?? "").dropFirst(5))),
                ("signature_invalid", changed("Content-Digest", nil)),
                ("signature_invalid", changed("Content-Digest", "sha-256=:AAAA:")),
                ("signing_key_unknown", try former.headers(body)),
                ("signature_invalid", try elsewhere.headers(body)),
                ("signature_invalid", try lacking.headers(body)),
                ("signature_invalid", try current.headers(body + " ")),
                ("signature_expired", try current.headers(body, created: now - 301)),
                ("signature_expired", try current.headers(body, created: now + 301)),
                ("signature_expired", try current.headers(body, more: ";expires=\(now)")),
                ("invalid_header", changed("Signature-Input", nil)),
                ("invalid_header", changed("Signature-Input", "sig1=()")),
                ("invalid_header", changed("Signature-Input", input + ", sig2=()")),
                ("invalid_header", changed("Signature-Input", input + ";alg=\"rsa-pss-sha512\"")),
                ("invalid_header", changed("Signature-Input", input.replacing("created", with: "made"))),
                ("invalid_header", changed("Signature-Input", input + ";nonce=\"again-again\"")),
                ("invalid_header", changed("Signature-Input", String(repeating: "x", count: 3000))),
            ]
            let before = try await stage.service.end
            for (code, headers) in refusals {
                let reply = try await current.send(body, headers)
                #expect(reply.code == code, "\(headers): \(reply.body)")
            }
            #expect(try await stage.service.end == before)
            for created in [now - 300, now + 300] {
                let headers = try current.headers(body, created: created, nonce: "edge-of-\(created)")
                #expect(try await current.send(body, headers).status == 201)
            }
        }
    }

    @Test("is not accepted twice: its nonce is used up, except for the same message sent again")
    func replayed() async throws {
        try await MessageStage.run { stage in
            let signer = try await Signer(stage)
            let body = signer.body()
            let headers = try signer.headers(body)
            #expect(try await signer.send(body, headers, query: "?dry_run=true").status == 201)
            #expect(try await signer.send(body, headers).status == 201)
            let again = try await signer.send(body, headers)
            #expect(again.status == 409 && again.code == "nonce_reused")
            let other = signer.body(#","ttl_seconds":60"#)
            #expect(try await signer.send(other, try signer.headers(other)).code == "nonce_reused")
            let named = signer.body(#","message_id":"00000000-0000-4000-8000-00000000000c""#)
            let signed = try signer.headers(named, nonce: "nonce-0002")
            let first = try await signer.send(named, signed)
            let second = try await signer.send(named, signed)
            #expect(first.status == 201 && second.bytes == first.bytes)
            #expect(try await stage.inbox("blue").rows("messages").count == 2)
        }
    }

    @Test("at once many times is accepted once")
    func race() async throws {
        try await MessageStage.run { stage in
            let signer = try await Signer(stage)
            let body = signer.body()
            let headers = try signer.headers(body)
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<16 { group.addTask { try await signer.send(body, headers).status } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.count { $0 == 201 } == 1 && statuses.count { $0 == 409 } == 15)
        }
    }

    @Test("is what a fleet may have asked for: without a signature nothing goes out in its name")
    func required() async throws {
        try await MessageStage.run { stage in
            let signer = try await Signer(stage, isRequired: true)
            try await stage.refused(403, "signature_required", from: "red", to: "blue")
            let body = signer.body()
            #expect(try await signer.send(body, try signer.headers(body)).status == 201)
            let shown = try await stage.service.ok("GET", "/fleets/red", key: .some(stage.key("blue")))
            #expect(shown["signing_key"]?.objectValue?["required"] == .bool(true))
            try await stage.service.ok(
                "PUT", "/fleets/red/signing-key", #"{"public_key":null}"#, key: .some(stage.key("red")))
            try await stage.send(from: "red", to: "blue")
            for key in ["", "AAAA", "not base64 at all!", String(repeating: "A", count: 44)] {
                let reply = try await stage.service.send(
                    "PUT", "/fleets/red/signing-key", #"{"public_key":"\#(key)"}"#, key: .some(stage.key("red")))
                #expect(reply.status == 422, "\(key): \(reply.body)")
            }
        }
    }
}
