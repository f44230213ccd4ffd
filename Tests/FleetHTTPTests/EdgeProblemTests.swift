import FleetJSON
import HTTPTypes
import Logging
import Testing

@testable import FleetDomain
@testable import FleetHTTP

@Suite(.timeLimit(.minutes(2)))
struct EdgeProblemTests {
    private func text(_ error: FleetError, path: String? = "/a%20b") -> String {
        String(decoding: Problem(error, path: path, requestID: "r-1").bytes, as: UTF8.self)
    }

    @Test("A problem has the members of the API in a fixed order")
    func members() throws {
        var error = FleetError(.federationHasLiveLeases, "Leases are \"live\".")
        error.details = ["live_leases": .integer(2), "federation_ids": .list(["a", "b"]), "hint": .text("wait")]
        error.faults = [FleetError.Fault("/name", "too_long", "The name is too long.")]
        #expect(
            text(error) == #"{"type":"urn:fleet-coordination:problem:federation_has_live_leases","#
                + #""title":"Federation has live leases","status":409,"detail":"Leases are \"live\".","#
                + #""instance":"/a%20b","code":"federation_has_live_leases","request_id":"r-1","retryable":false,"#
                + #""errors":[{"pointer":"/name","code":"too_long","detail":"The name is too long."}],"#
                + #""federation_ids":["a","b"],"hint":"wait","live_leases":2}"#)
    }

    @Test("An explanation is written as the API shows it")
    func explanation() throws {
        let day = Timestamp(milliseconds: 0)
        var explanation = Explanation(
            code: "window_conflict", step: "calendar", summary: "Taken.",
            constraint: Explanation.Constraint(code: "capacity", limit: 1), considered: 3,
            rejected: ["window_conflict": 2, "policy_forbids": 1],
            counterfactual: Explanation.Counterfactual(
                changes: [("starts_at", "later")], sentence: "Start later."),
            nearestWindows: [Window(start: day, end: day + 60)], searchedUntil: day + 3600)
        func json() -> String {
            var writer = JSONWriter()
            explanation.write(to: &writer)
            return writer.string
        }
        #expect(
            json() == #"{"code":"window_conflict","step":"calendar","summary":"Taken.","#
                + #""constraint":{"code":"capacity","limit":1},"considered":3,"#
                + #""rejected":{"policy_forbids":1,"window_conflict":2},"#
                + #""counterfactual":{"field":"starts_at","value":"later","sentence":"Start later.","#
                + #""changes":[{"field":"starts_at","value":"later"}]},"#
                + #""nearest_windows":[{"starts_at":"1970-01-01T00:00:00.000Z","ends_at":"1970-01-01T00:01:00.000Z"}],"#
                + #""searched_until":"1970-01-01T01:00:00.000Z"}"#)
        explanation.counterfactual?.changes.append((field: "quantity", value: "1"))
        #expect(json().contains(#""counterfactual":{"sentence":"Start later.","changes":["#))
        explanation.counterfactual = nil
        explanation.constraint = nil
        explanation.searchedUntil = nil
        explanation.nearestWindows = []
        #expect(json().hasSuffix(#""rejected":{"policy_forbids":1,"window_conflict":2},"nearest_windows":[]}"#))
    }

    @Test("Every code has a status of an error and a title of its own")
    func table() {
        for code in ErrorCode.allCases {
            #expect((400..<600).contains(code.presentation.status.code))
            // Whoever may retry an answer below 500 has sent too slowly; a full disk heals.
            if code.presentation.isRetryable { #expect([408, 503, 507].contains(code.presentation.status.code)) }
        }
        #expect(Set(ErrorCode.allCases.map(\.presentation.title)).count == ErrorCode.allCases.count)
    }

    @Test("Some statuses carry headers")
    func headers() {
        func fields(_ code: ErrorCode) -> HTTPFields { Problem(FleetError(code, ""), path: nil, requestID: "").headers }
        #expect(fields(.overloaded)[.retryAfter] == "1")
        #expect(fields(.internalError)[.retryAfter] == nil)
        #expect(fields(.unauthenticated)[.wwwAuthenticate] == #"Bearer realm="fleet-coordination""#)
        #expect(
            fields(.invalidCredentials)[.wwwAuthenticate]
                == #"Bearer realm="fleet-coordination", error="invalid_token""#)
        #expect(fields(.permissionDenied)[.wwwAuthenticate] == nil)
    }

    @Test(
        "Whatever a handler throws becomes a problem",
        arguments: [
            ("GET /defect", 500, "internal_error"), ("GET /cancelled", 503, "shutting_down"),
            ("GET /foreign", 413, "body_too_large"), ("POST /unread", 401, "unauthenticated"),
        ])
    func conversion(line: String, status: Int, code: String) async throws {
        try await EdgeTestServer.run { server async throws in
            let response = try await edgeExchange(server, line)
            #expect(response.status == status)
            #expect(response.code == code)
            #expect(response.headers["content-type"] == "application/problem+json")
        }
    }

    @Test("A defect is logged once, by its type, and told to nobody")
    func defect() async throws {
        try await EdgeTestServer.run { server async throws in
            let response = try await edgeExchange(server, "GET /defect", ["X-Request-ID: r-2"])
            #expect(!response.body.contains("hunter2"))
            #expect(server.log.lines.count == 1)
            let line = try #require(server.log.lines.first)
            #expect(line.level == .error)
            #expect(line.metadata["code"] == "internal_error")
            #expect(line.metadata["request_id"] == "r-2")
            #expect(line.metadata["error_type"] == "EdgeDefect")
            #expect(!"\(line.metadata)".contains("hunter2"))
        }
    }
}
