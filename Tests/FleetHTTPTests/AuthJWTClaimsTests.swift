import FleetDomain
import FleetHTTP
import Testing

@Suite("JWT claims")
struct AuthJWTClaimsTests {
    private static let federation = "01890000-0000-7000-8000-000000000001"

    /// The good claims with some replaced, added or, by nil, removed.
    private static func claims(_ changes: [String: String?]) throws -> JWTClaims {
        var members: [String: String] = [
            "iss": #""https://issuer.example""#, "aud": #""fleet-coordination""#, "sub": #""ann""#, "exp": "1800000600",
        ]
        for (name, value) in changes { members[name] = value }
        return try read("{\(members.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ","))}")
    }

    private static func read(_ text: String) throws -> JWTClaims {
        try JWTClaims(
            Array(text.utf8), issuer: AuthIssuer.name, audience: AuthIssuer.audience, at: AuthIssuer.now)
    }

    @Test("make a principal of everything they say")
    func principal() throws {
        let claims = try Self.claims([
            "roles": #"["fleet_operator","auditor","fleet_operator"]"#, "fleet_ids": #"["north","south:2"]"#,
            "federation_ids": #"["\#(Self.federation)"]"#, "scope": #""sharing:request  metrics:write""#,
            "nested": #"{"a":[{"b":null}]}"#,
        ])
        let expected = Principal(
            subject: "ann", roles: [.fleetOperator, .auditor],
            fleets: Set(try ["north", "south:2"].map { try #require(Fleet.ID($0)) }),
            federations: [try #require(Federation.ID(Self.federation))], scopes: [.sharingRequest, .metricsWrite])
        #expect(claims.principal == expected)
        #expect(claims.end == Timestamp(milliseconds: 1_800_000_630_000))
    }

    @Test("give nothing where they say nothing")
    func empty() throws { #expect(try Self.claims([:]).principal == Principal(subject: "ann", roles: [])) }

    @Test("may name roles and scopes of a later version, which give nothing")
    func unknown() throws {
        let claims = try Self.claims([
            "roles": #"["root","PLATFORM_ADMIN","auditor"]"#, "scope": #""openid event:read profile""#,
        ])
        #expect(claims.principal == Principal(subject: "ann", roles: [.auditor], scopes: [.eventRead]))
    }

    struct Rule: CustomTestStringConvertible, Sendable {
        let name: String
        let refusal: JWTRefusal
        let admitted: [String?]
        let refused: [String?]
        var testDescription: String { name }
    }

    static let rules: [Rule] = [
        Rule(
            name: "iss", refusal: .issuer, admitted: [#""https://issuer.example""#, #""https:\/\/issuer.example""#],
            refused: [nil, "null", "1", #""""#, #""https://issuer.example/""#, #"["https://issuer.example"]"#]),
        Rule(
            name: "aud", refusal: .audience,
            admitted: [#""fleet-coordination""#, #"["other","fleet-coordination"]"#],
            refused: [
                nil, "null", "[]", #""other""#, #"["other"]"#, #"["fleet-coordination",1]"#,
                #"[["fleet-coordination"]]"#, #"{"fleet-coordination":1}"#, #""Fleet-coordination""#,
                #""fleet-coordination ""#,
            ]),
        Rule(
            name: "sub", refusal: .subject,
            admitted: [
                #""a""#, #""systems""#, #""auth0|17""#, #""ann@example.org""#,
                "\"\(String(repeating: "a", count: 255))\"",
            ],
            refused: [
                nil, "null", "1", #""""#, #""a b""#, #""é""#, #""a\u0000""#,
                #""key:01890000-0000-7000-8000-000000000001""#, #""system""#, #""clock""#,
                "\"\(String(repeating: "a", count: 256))\"",
            ]),
        Rule(
            name: "exp", refusal: .expiry, admitted: ["1800000001", "1800000000.5", "1.9e9"],
            refused: [nil, "null", #""1800000600""#, "-1", "1800000600000", "1e300", "true", "[1800000600]"]),
        Rule(
            name: "exp", refusal: .expired, admitted: ["1799999971", "1799999970.001"],
            refused: ["1799999970", "1700000000", "0"]),
        Rule(
            name: "nbf", refusal: .notBefore, admitted: [nil, "0", "1800000060"],
            refused: ["1800000061", "1800000060.5", #""0""#, "null", "-1"]),
        Rule(
            name: "iat", refusal: .issuedAt, admitted: [nil, "0", "1800000060"],
            refused: ["1800000061", "1800000060.5", #""0""#, "null", "-1"]),
        Rule(
            name: "roles", refusal: .roles, admitted: [nil, "[]", #"["auditor"]"#],
            refused: ["null", #""auditor""#, #"{"auditor":true}"#, "[1]", #"["auditor",null]"#]),
        Rule(
            name: "fleet_ids", refusal: .fleets, admitted: [nil, "[]", #"["north"]"#],
            refused: ["null", #""north""#, #"["north",""]"#, #"["no rth"]"#, #"["é"]"#, "[1]", #"["*"]"#]),
        Rule(
            name: "federation_ids", refusal: .federations, admitted: [nil, "[]", "[\"\(federation)\"]"],
            refused: ["null", "\"\(federation)\"", #"["north"]"#, "[1]", #"["*"]"#]),
        Rule(
            name: "scope", refusal: .scope, admitted: [nil, #""""#, #""event:read""#],
            refused: ["null", #"["event:read"]"#, "1"]),
    ]

    @Test("are held to the rule of", arguments: rules)
    func holds(_ rule: Rule) {
        for value in rule.admitted {
            #expect(throws: Never.self, "\(value ?? "absent")") { try Self.claims([rule.name: value]) }
        }
        for value in rule.refused {
            #expect(throws: rule.refusal, "\(value ?? "absent")") { try Self.claims([rule.name: value]) }
        }
    }

    @Test(
        "are refused when they are not an object with unique keys",
        arguments: [
            "", "[]", "null", #"{"sub":"ann","sub":"bob"}"#, #"{"exp":1,"e\u0078p":2}"#, "{\"sub\":\"\u{0}\"}", "{} {}",
            String(repeating: "[", count: 40),
        ])
    func syntax(_ text: String) { #expect(throws: JWTRefusal.claimsSyntax) { try Self.read(text) } }
}
