package import FleetDomain

/// Names an object that is kept in a cache.
///
/// API keys are none: a revocation counts at once everywhere, so they are read where the truth is.
package enum ObjectKey: Hashable, Sendable {
    case federation(Federation.ID)
    case member(Member.Key)
    case fleet(Fleet.ID)
    case resource(Resource.Key)
    case lease(Lease.ID)
    case allocation(Allocation.ID)

    package init?(_ entity: Entity) {
        switch entity {
        case .federation(let federation): self = .federation(federation.id)
        case .member(let member): self = .member(member.key)
        case .fleet(let fleet): self = .fleet(fleet.id)
        case .resource(let resource): self = .resource(resource.key)
        case .lease(let lease): self = .lease(lease.id)
        case .allocation(let allocation): self = .allocation(allocation.id)
        case .quota, .balance, .message, .delivery, .webhook, .replay, .metric, .apiKey, .crossing, .checkpoint:
            return nil
        }
    }

    /// What may be another after the event: its subject, and what `Ledger.apply` makes follow from it.
    package static func changed(by event: Event) -> [ObjectKey] {
        switch event.entity {
        case .member(let member): [.member(member.key), .federation(member.key.federation)]
        case .lease(let lease):
            [.lease(lease.id)] + (lease.allocation.map { [.allocation($0)] } ?? [])
                + (lease.resource.map { [.resource(Resource.Key(fleet: lease.source, resource: $0))] } ?? [])
        default: ObjectKey(event.entity).map { [$0] } ?? []
        }
    }

    /// The record's fields go with its kind: a release that knows other fields keeps its objects elsewhere.
    var purpose: String {
        switch self {
        case .federation: Self.purposeOfFederations
        case .member: Self.purposeOfMembers
        case .fleet: Self.purposeOfFleets
        case .resource: Self.purposeOfResources
        case .lease: Self.purposeOfLeases
        case .allocation: Self.purposeOfAllocations
        }
    }

    private static let purposeOfFederations = purpose(.federation, Federation.self)
    private static let purposeOfMembers = purpose(.member, Member.self)
    private static let purposeOfFleets = purpose(.fleet, Fleet.self)
    private static let purposeOfResources = purpose(.resource, Resource.self)
    private static let purposeOfLeases = purpose(.lease, Lease.self)
    private static let purposeOfAllocations = purpose(.allocation, Allocation.self)

    private static func purpose<Row: Record>(_ kind: Entity.Kind, _: Row.Type) -> String {
        "object/\(kind.rawValue)/\(Row.fields.map(\.description).joined(separator: ","))"
    }

    /// As the subject of its events.
    var subject: String {
        switch self {
        case .federation(let id): id.description
        case .member(let key): "\(key.federation)/\(key.fleet)"
        case .fleet(let id): id.description
        case .resource(let key): "\(key.fleet)/\(key.resource)"
        case .lease(let id): id.description
        case .allocation(let id): id.description
        }
    }
}
