import FleetDomain
import FleetJSON
import FleetTestSupport
import Testing

/// `permissions/check` against the table of roles, written down a second time in `ApiRoleTable`.
@Suite("Whether one may, asked beforehand", .timeLimit(.minutes(2)))
struct CallerPermissionTests {
    /// What a caller who acts for `own` may do in its federation, without and with a fleet named.
    private static let expected:
        [(role: Role, permission: Permission, inFederation: Bool, forOwn: Bool, forPeer: Bool)] = [
            (.fleetOperator, .sharingRequest, true, true, false), (.fleetOperator, .sharingRead, true, true, false),
            (.fleetOperator, .fleetRead, true, true, false), (.fleetOperator, .eventRead, true, true, false),
            (.fleetOperator, .federationRead, true, true, false), (.fleetOperator, .memberManage, false, true, false),
            (.fleetOperator, .federationManage, false, false, false),
            (.fleetOperator, .metricsWrite, false, false, false),
            (.fleetViewer, .sharingRead, true, true, false), (.fleetViewer, .sharingRequest, false, false, false),
            (.fleetViewer, .auditRead, false, false, false),
            (.federationCoordinator, .federationManage, true, false, false),
            (.federationCoordinator, .memberManage, true, false, false),
            (.federationCoordinator, .sharingRequest, false, false, false),
            (.auditor, .sharingRead, true, true, true), (.auditor, .federationManage, false, false, false),
            (.platformAdmin, .federationManage, true, true, true),
        ]

    @Test("is answered as the request itself would be")
    func table() async throws {
        try await TestService.run { service in
            let federation = try await service.found([("own", "none"), ("peer", "none")])
            let away = try await service.created("POST", "/federations", #"{"name":"Away"}"#)
            func allowed(_ key: String, _ permission: Permission, _ more: String) async throws -> Bool? {
                let body = #"{"permission":"\#(permission.rawValue)"\#(more)}"#
                let reply = try await service.ok("POST", "/permissions/check", body, key: .some(key))
                #expect((reply["reason"]?.stringValue?.isEmpty == false) == (reply["allowed"] == .bool(false)))
                return reply["allowed"]?.boolValue
            }
            for row in Self.expected {
                let acts = row.role == .fleetOperator || row.role == .fleetViewer
                let key = try await service.key(
                    [row.role], fleets: acts ? [apiName("own")] : [],
                    federations: row.role == .federationCoordinator ? [apiID(federation)] : [])
                let place: Comment = "\(row.role) \(row.permission)"
                let here = #","federation_id":"\#(federation)""#
                #expect(try await allowed(key, row.permission, here) == row.inFederation, place)
                #expect(try await allowed(key, row.permission, here + #","fleet_id":"own""#) == row.forOwn, place)
                #expect(try await allowed(key, row.permission, here + #","fleet_id":"peer""#) == row.forPeer, place)
                let everywhere = row.role == .platformAdmin || row.role == .auditor
                let elsewhere = try await allowed(key, row.permission, #","federation_id":"\#(away)""#)
                #expect(elsewhere == (everywhere && row.inFederation), place)
            }
        }
    }
}
