/// Something that a search may pick: a resource by itself, or the units of a class together.
struct Candidate {
    let supply: Supply
    /// It, or one of the class: with its type, its attributes and what else a promise takes from it.
    let resource: Resource
    /// Of what is available.
    let capacity: Int64
    /// For how many resources it stands.
    let resources: Int

    init(_ resource: Resource) {
        supply = .resource(resource.key)
        self.resource = resource
        capacity = resource.status == .available ? resource.capacity : 0
        resources = 1
    }

    init(_ unitClass: UnitClass, like unit: Resource) {
        supply = .units(UnitClass.Key(offer: unit.offerKey, terms: unitClass.terms))
        resource = unit
        capacity = unitClass.available
        resources = unitClass.units.count
    }

    /// To how many leases a quantity of it comes: each of a class gets its own unit.
    func leases(for quantity: Int64) -> Int { supply.unitClass == nil ? 1 : Int(quantity) }
}

extension Ledger {
    func candidate(_ unitClass: UnitClass, of fleet: Fleet.ID) -> Candidate? {
        unitClass.units.first.flatMap { resources[Resource.Key(fleet: fleet, resource: $0)] }
            .map { Candidate(unitClass, like: $0) }
    }

    /// What the fleet offers of the type, as far as one looks.
    func candidates(of offer: Offer, _ fleet: Fleet.ID, atMost count: Int) -> [Candidate] {
        let classes = offer.classes.prefix(count).compactMap { candidate($0, of: fleet) }
        let others = offer.resources.prefix(count - classes.count)
            .compactMap { resources[Resource.Key(fleet: fleet, resource: $0)].map(Candidate.init) }
        return classes + others
    }

    /// What the lease was promised of.
    func candidate(of lease: Lease) -> Candidate? {
        guard let terms = lease.terms else { return resource(of: lease).map(Candidate.init) }
        return offers[lease.offerKey]?.unitClass(terms).flatMap { candidate($0, of: lease.source) }
    }

    /// The resource that the lease is of, if it is bound to one already.
    func resource(of lease: Lease) -> Resource? { lease.resourceKey.flatMap { resources[$0] } }

    /// The most that is promised, or still cooling, at any instant of `window`.
    func occupied(_ supply: Supply, over window: Window) -> Int64 { calendars[supply]?.peak(over: window) ?? 0 }

    /// Whether somebody keeps some of it past a window, or while it is taken back.
    func isHeldLate(_ supply: Supply) -> Bool { heldLate[supply] != nil }
}
