import FleetDomain
import FleetHTTP
import FleetJSON
import FleetTestSupport
import HTTPTypes
import Testing

/// Entity tags: `If-None-Match` on reads, `If-Match` on writes.
@Suite("An entity tag", .timeLimit(.minutes(2)))
struct ApiConditionalTests {
    /// The routes that read one object.
    private static let reads = Router.endpoints.filter { endpoint in
        !endpoint.isWrite && !endpoint.access.isPublic
            && ["}", "sharing-rules", "whoami", "checkpoint", "proof"].contains { endpoint.path.hasSuffix($0) }
    }

    @Test("is strong, and saves the body of an object that has not changed")
    func notModified() async throws {
        #expect(Self.reads.count == 14)
        try await ApiStage.run(Self.reads) { stage, endpoint in
            let first = try await stage.send(endpoint)
            let tag = try #require(first.etag, "\(ApiStage.name(endpoint))")
            #expect(tag.hasPrefix("\"") && tag.hasSuffix("\"") && tag.count > 2)
            for condition in [tag, "*", "W/\(tag)", "\"other\", \(tag)", "\"other\",W/\(tag) , \"x\""] {
                let reply = try await stage.send(endpoint, headers: ["If-None-Match": condition])
                #expect(reply.status == 304 && reply.bytes.isEmpty, "\(ApiStage.name(endpoint)) \(condition)")
                #expect(reply.etag == tag && reply.headers["content-type"] == nil)
            }
            for condition in ["\"other\"", "\(tag.dropLast())x\""] {
                let reply = try await stage.send(endpoint, headers: ["If-None-Match": condition])
                #expect(reply.status == 200 && reply.bytes == first.bytes, "\(condition)")
            }
            for condition in ["other", "", ",", "\"a\"b\""] {
                let reply = try await stage.send(endpoint, headers: ["If-None-Match": condition])
                reply.expectProblem(400, "invalid_header", "\(ApiStage.name(endpoint)) with '\(condition)'")
            }
        }
    }

    /// The routes that change an object which is there before.
    private static let writes = Router.endpoints.filter { endpoint in
        endpoint.isWrite && endpoint.method != .post && !endpoint.path.hasSuffix("{key_id}")
            && !endpoint.path.hasSuffix("{replay_id}")
    }

    @Test("that is stale stops every change of the object")
    func stale() async throws {
        #expect(Self.writes.count == 17)
        try await ApiStage.run(Self.writes) { stage, endpoint in
            let before = try await stage.service.end
            for condition in ["\"stale\"", "W/\"stale\"", "\"a\", \"b\""] {
                let reply = try await stage.send(endpoint, headers: ["If-Match": condition])
                reply.expectProblem(412, "precondition_failed", "\(ApiStage.name(endpoint)) \(condition)")
            }
            let malformed = try await stage.send(endpoint, headers: ["If-Match": "stale"])
            malformed.expectProblem(400, "invalid_header", ApiStage.name(endpoint))
            #expect(try await stage.service.end == before, "\(ApiStage.name(endpoint))")
            let done = try await stage.send(endpoint, headers: ["If-Match": "*"])
            #expect((200..<300).contains(done.status), "\(ApiStage.name(endpoint)): \(done.body)")
        }
    }

    @Test("of what a write answered is the one that a read answers, and it changes with each change")
    func chain() async throws {
        try await TestService.run { service in
            let made = try await service.ok("POST", "/federations", #"{"name":"A"}"#)
            let path = "/federations/\(made.text("federation_id"))"
            var tag = try #require(made.etag)
            var seen = [tag]
            for name in ["B", "C", "D"] {
                #expect(try await service.ok("GET", path).etag == tag)
                let body = #"{"name":"\#(name)","description":""}"#
                let weak = try await service.send("PUT", path, body, headers: ["If-Match": "W/" + tag])
                weak.expectProblem(412, "precondition_failed", "a weak tag")
                let reply = try await service.send("PUT", path, body, headers: ["If-Match": tag])
                #expect(reply.status == 200, "\(reply.body)")
                let late = try await service.send("PUT", path, body, headers: ["If-Match": tag])
                late.expectProblem(412, "precondition_failed", "a tag of before")
                tag = try #require(reply.etag)
                #expect(!seen.contains(tag))
                seen.append(tag)
            }
        }
    }

    @Test("of a fleet's standing approvals is theirs, and not that of the membership")
    func sharingRules() async throws {
        try await TestService.run { service in
            let path = "/federations/\(try await service.found([("owner", "none")]))/members/owner/sharing-rules"
            let empty = try await service.ok("GET", path)
            let rule = #"{"rules":[{"counterparty":"*","resource_type":"vehicle","approve":"auto"}]}"#
            let tag = try #require(empty.etag)
            let first = try await service.send("PUT", path, rule, headers: ["If-Match": tag])
            #expect(first.status == 200 && first.rows("rules").count == 1, "\(first.body)")
            let read = try await service.ok("GET", path)
            #expect(read.etag == first.etag && read.bytes == first.bytes)
            let late = try await service.send("PUT", path, #"{"rules":[]}"#, headers: ["If-Match": tag])
            late.expectProblem(412, "precondition_failed", "a tag of before")
        }
    }

    @Test("lets one of many writers through that saw the same object")
    func concurrentWriters() async throws {
        try await TestService.run { service in
            let made = try await service.ok("POST", "/federations", #"{"name":"A"}"#)
            let path = "/federations/\(made.text("federation_id"))"
            let tag = try #require(made.etag)
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        let body = #"{"name":"Number \#(number)","description":""}"#
                        return try await service.send("PUT", path, body, headers: ["If-Match": tag]).status
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.sorted() == [200] + Array(repeating: 412, count: 7))
        }
    }

    @Test("tells a reader nothing of what it may not see")
    func ofWhatIsSeen() async throws {
        try await TestService.run { service in
            let federation = try await service.found([("reader", "none")])
            let path = "/federations/\(federation)"
            let reader = try await service.key([.fleetViewer], fleets: [apiName("reader")])
            let before = try await service.ok("GET", path, key: .some(reader))
            let full = try await service.ok("GET", path)
            try await service.join(federation, "hidden", "high")
            let after = try await service.ok("GET", path, key: .some(reader))
            #expect(after.etag == before.etag && after.bytes == before.bytes)
            // Who coordinates it sees that its members changed.
            #expect(try await service.ok("GET", path).etag != full.etag)
        }
    }

    @Test("is asked for by every change of an object where the service is told to require it")
    func required() async throws {
        try await TestService.run(requiresIfMatch: true) { service in
            let made = try await service.ok("POST", "/federations", #"{"name":"A"}"#)
            let path = "/federations/\(made.text("federation_id"))"
            try await service.ok("POST", path + "/members", #"{"fleet_id":"f"}"#)
            try await service.ok("POST", "/fleets/f/resources", #"{"resource_id":"u","resource_type":"vehicle"}"#)
            let changes: [(String, String, String?)] = [
                ("PUT", path, #"{"name":"B","description":""}"#),
                ("PATCH", path + "/members/f", #"{"role":"observer"}"#),
                ("PUT", path + "/members/f/sharing-rules", #"{"rules":[]}"#),
                ("PATCH", "/fleets/f", #"{"name":"F"}"#),
                ("PATCH", "/fleets/f/resources/u", #"{"buffer_seconds":1}"#),
                ("DELETE", "/fleets/f/resources/u", nil), ("DELETE", path + "/members/f", nil),
                ("DELETE", "/fleets/f", nil),
            ]
            for (method, path, body) in changes {
                try await service.refused(428, "precondition_required", method, path, body)
                let tag = try #require(try await service.ok("GET", path).etag)
                let reply = try await service.send(method, path, body, headers: ["If-Match": tag])
                #expect((200..<300).contains(reply.status), "\(method) \(path): \(reply.body)")
            }
            // A quota is made by what changes it; what is not there has no state to miss.
            try await service.ok("POST", path + "/members", #"{"fleet_id":"g"}"#)
            let quota = path + "/quotas/g/vehicle"
            let absent = try await service.send("PUT", quota, #"{"nominal":1}"#, headers: ["If-Match": "*"])
            #expect(absent.code == "precondition_failed", "\(absent.body)")
            #expect(try await service.send("PUT", quota, #"{"nominal":1}"#).status == 201)
            try await service.refused(428, "precondition_required", "PUT", quota, #"{"nominal":2}"#)
            let tag = try #require(try await service.ok("GET", quota).etag)
            #expect(
                try await service.send("PUT", quota, #"{"nominal":2}"#, headers: ["If-Match": tag]).status == 200)
            // A key is never changed: there is no state of it that somebody could have missed.
            let key = try await service.created("POST", "/api-keys", #"{"name":"k","roles":["auditor"]}"#, "key_id")
            try await service.ok("DELETE", "/api-keys/\(key)")
        }
    }
}
