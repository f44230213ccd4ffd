import FleetJSON

/// What windows are promised of: one resource, or a class of units of which any will do.
package enum Supply: Hashable, Sendable {
    case resource(Resource.Key)
    case units(UnitClass.Key)

    package var fleet: Fleet.ID {
        switch self {
        case .resource(let key): key.fleet
        case .units(let key): key.offer.fleet
        }
    }

    /// The class, if it is one.
    var unitClass: UnitClass.Key? { if case .units(let key) = self { key } else { nil } }
}

/// What the units of a class are alike in: all that a promise says of them. As JSON text, so that it can be stored.
package struct UnitTerms: Hashable, Comparable, Sendable {
    package let text: String

    package init(text: String) { self.text = text }

    package static func < (a: UnitTerms, b: UnitTerms) -> Bool { a.text < b.text }
}

/// Pooled units of a fleet that are alike: a lease is promised one of them, and gets it shortly before it begins.
///
/// Wherever at each instant no more is promised than there are, units can be found for all future leases without moving
/// one that is in use: intervals that overlap at most n times can be coloured with n colours.
package struct UnitClass: Sendable, Equatable {
    package struct Key: Hashable, Sendable {
        package let offer: OfferKey
        package let terms: UnitTerms
    }

    package let terms: UnitTerms
    /// Those that are not retired, by id.
    package private(set) var units: [Resource.ID] = []
    /// Of those, the ones that are not available.
    package private(set) var unavailable: [Resource.ID] = []
    /// Those that are available, by when they are free of all that is bound to them.
    package private(set) var ready: [Ready] = []
    private var readyFrom: [Resource.ID: Timestamp] = [:]
    /// Leases that are bound to a unit that is not back.
    package private(set) var awaiting: Set<Lease.ID> = []

    package struct Ready: Comparable, Sendable {
        let from: Timestamp
        let unit: Resource.ID

        package static func < (a: Ready, b: Ready) -> Bool { (a.from, a.unit) < (b.from, b.unit) }
    }

    init(terms: UnitTerms) { self.terms = terms }

    var isEmpty: Bool { units.isEmpty && awaiting.isEmpty }

    mutating func insert(_ unit: Resource, readyFrom: Timestamp) {
        units.insert(unit.key.resource, at: units.place(of: unit.key.resource))
        if unit.status == .available {
            set(unit.key.resource, readyFrom: readyFrom)
        } else {
            unavailable.insert(unit.key.resource, at: unavailable.place(of: unit.key.resource))
        }
    }

    mutating func remove(_ unit: Resource) {
        units.removeSorted(unit.key.resource)
        set(unit.key.resource, readyFrom: nil)
        unavailable.removeSorted(unit.key.resource)
    }

    /// - Precondition: the unit is of the class and available, or never ready.
    mutating func set(_ unit: Resource.ID, readyFrom from: Timestamp?) {
        if let old = readyFrom[unit] { ready.removeSorted(Ready(from: old, unit: unit)) }
        readyFrom[unit] = from
        guard let from, case let entry = Ready(from: from, unit: unit) else { return }
        ready.insert(entry, at: ready.place(of: entry))
    }

    mutating func set(_ lease: Lease.ID, isAwaiting: Bool) {
        if isAwaiting { awaiting.insert(lease) } else { awaiting.remove(lease) }
    }
}

extension RandomAccessCollection where Index == Int {
    /// Where those begin that are not `before`, which stand behind all that are.
    func partitionPoint(_ isBefore: (Element) -> Bool) -> Int {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = (low + high) / 2
            if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension Array where Element: Comparable {
    /// In an ascending array, the index of the first that is not less than `element`.
    func place(of element: Element) -> Int { partitionPoint { $0 < element } }

    func containsSorted(_ element: Element) -> Bool {
        let place = place(of: element)
        return place < endIndex && self[place] == element
    }

    mutating func removeSorted(_ element: Element) {
        let place = place(of: element)
        if place < endIndex, self[place] == element { remove(at: place) }
    }
}

extension Resource {
    /// What it is alike in with the other units of its class; nil where it is promised by itself.
    package var terms: UnitTerms? {
        guard pooled, isUnit else { return nil }
        let terms: JSONObject = [
            "attributes": .object(attributes.withPlainNumbers), "buffer_seconds": .integer(buffer),
            "handover": .string(handover.rawValue), "interruptible": .bool(interruptible),
        ]
        return UnitTerms(text: JSON.object(terms).text)
    }

    var offerKey: OfferKey { OfferKey(fleet: key.fleet, type: type) }

    /// What its windows are promised of.
    package var supply: Supply {
        terms.map { .units(UnitClass.Key(offer: offerKey, terms: $0)) } ?? .resource(key)
    }
}

extension JSONObject {
    /// With whole numbers written alike: 4.0 is 4.
    fileprivate var withPlainNumbers: JSONObject {
        var plain = self
        for member in members {
            guard case .double(let value) = member.value, value.magnitude < 1e15, case let whole = Int64(value),
                Double(whole) == value
            else { continue }
            plain[member.key] = .integer(whole)
        }
        return plain
    }
}
