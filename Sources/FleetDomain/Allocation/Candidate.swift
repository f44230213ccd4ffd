/// Something that a search may pick: a resource by itself, or the units of a class together.
struct Candidate {
    let supply: Supply
    /// It, or one of the class, available if one is: with its type, its attributes and what else a promise takes from it.
    let resource: Resource
    /// Of what is available.
    let capacity: Int64
    /// For how many resources it stands.
    let resources: Int
    /// Those of the class that are not available.
    let unavailable: [Resource.ID]

    init(_ resource: Resource) {
        supply = .resource(resource.key)
        self.resource = resource
        capacity = resource.status == .available ? resource.capacity : 0
        resources = 1
        unavailable = []
    }

    init(_ unitClass: UnitClass, like unit: Resource) {
        supply = .units(UnitClass.Key(offer: unit.offerKey, terms: unitClass.terms))
        resource = unit
        capacity = Int64(unitClass.units.count - unitClass.unavailable.count)
        resources = unitClass.units.count
        unavailable = unitClass.unavailable
    }

    /// To how many leases a quantity of it comes: each of a class gets its own unit.
    func leases(for quantity: Int64) -> Int { supply.unitClass == nil ? 1 : Int(quantity) }
}

extension Ledger {
    func candidate(_ unitClass: UnitClass, of fleet: Fleet.ID) -> Candidate? {
        (unitClass.ready.first?.unit ?? unitClass.units.first).flatMap {
            resources[Resource.Key(fleet: fleet, resource: $0)]
        }
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

    // MARK: What is taken

    /// The most that is promised, or still cooling, at any instant of `window`.
    func occupied(_ supply: Supply, over window: Window) -> Int64 { calendars[supply]?.peak(over: window) ?? 0 }

    /// The same of what is available of a candidate: what is in somebody's hands, or cools, of units that are not
    /// available takes nothing from those that are.
    func occupied(_ candidate: Candidate, over window: Window) -> Int64 {
        candidate.unavailable.isEmpty
            ? occupied(candidate.supply, over: window) : calendar(of: candidate).peak(over: window)
    }

    /// The same for who would begin at once, or stay: what is not back is taken for all of the window.
    func occupiedOrLate(_ candidate: Candidate, over window: Window) -> (level: Int64, late: Int64) {
        let late = late(of: candidate)
        return (calendar(of: candidate, withoutLate: true).peak(over: window) + late, late)
    }

    /// What is promised of what is available.
    ///
    /// - Parameter withoutLate: leaves out those of `lateLeases`.
    func calendar(of candidate: Candidate, withoutLate: Bool = false) -> Calendar {
        var calendar = calendars[candidate.supply] ?? Calendar()
        for unit in candidate.unavailable {
            let key = Resource.Key(fleet: candidate.supply.fleet, resource: unit)
            for lease in (leasesOfSupply[.resource(key)] ?? []).compactMap({ leases[$0] })
            where lease.terms != nil && lease.status.possesses && lease.status.holdsWindow {
                calendar.remove(lease.quantity, over: lease.occupied)
            }
            for one in resources[key]?.cooling ?? [] {
                calendar.remove(one.quantity, over: Window(start: .distantPast, end: one.until))
            }
        }
        for lease in withoutLate ? lateLeases(of: candidate) : [] where lease.status.holdsWindow {
            calendar.remove(lease.quantity, over: lease.occupied)
        }
        return calendar
    }

    /// The quantity of `lateLeases`.
    func late(of candidate: Candidate) -> Int64 { lateLeases(of: candidate).reduce(0) { $0 + $1.quantity } }

    /// Those of what is available that somebody keeps past their window, or has to hand back.
    private func lateLeases(of candidate: Candidate) -> [Lease] {
        (heldLate[candidate.supply] ?? []).compactMap { leases[$0] }
            .filter { $0.resource.map { !candidate.unavailable.containsSorted($0) } ?? true }
    }

    /// Whether somebody keeps some of it past a window, or while it is taken back.
    func isHeldLate(_ supply: Supply) -> Bool { heldLate[supply] != nil }
}
