import FleetJSON

/// What a fleet offers of a type, with what tells at a glance that there is nothing of it.
package struct Offer: Sendable, Equatable {
    /// Those that are promised by themselves and not retired, by id.
    package private(set) var resources: [Resource.ID] = []
    /// The classes of those that are pooled, by their terms.
    package private(set) var classes: [UnitClass] = []
    /// Of both.
    package private(set) var count = 0
    /// Of those that are available.
    package private(set) var capacity: Int64 = 0
    /// Of all of them: what is in maintenance may still be promised.
    private(set) var total: Int64 = 0
    package private(set) var availableUnits = 0
    package private(set) var availablePools = 0
    /// What is promised of all of them together.
    package private(set) var promised = Calendar()
    /// The attributes that occur, as text, and on how many resources.
    private var kinds: [String: Kind] = [:]

    private struct Kind: Sendable, Equatable {
        let attributes: JSONObject
        var count: Int
    }

    package init() {}

    package var isEmpty: Bool { resources.isEmpty && classes.isEmpty && promised.isEmpty }

    /// - Parameter readyFrom: of a pooled unit, when it is free of all that is bound to it.
    mutating func insert(_ resource: Resource, readyFrom: Timestamp) {
        if let terms = resource.terms {
            change(terms) { $0.insert(resource, readyFrom: readyFrom) }
        } else {
            resources.insert(resource.key.resource, at: resources.place(of: resource.key.resource))
        }
        let text = JSON.object(resource.attributes).text
        kinds[text, default: Kind(attributes: resource.attributes, count: 0)].count += 1
        count(resource, by: 1)
    }

    mutating func remove(_ resource: Resource) {
        guard resource.status != .retired else { return }
        if let terms = resource.terms {
            change(terms) { $0.remove(resource) }
        } else {
            resources.removeSorted(resource.key.resource)
        }
        let text = JSON.object(resource.attributes).text
        kinds[text]?.count -= 1
        if kinds[text]?.count == 0 { kinds[text] = nil }
        count(resource, by: -1)
    }

    mutating func promise(_ quantity: Int64, over window: Window) { promised.add(quantity, over: window) }

    mutating func change(_ terms: UnitTerms, _ change: (inout UnitClass) -> Void) {
        let place = place(of: terms)
        if place == classes.endIndex || classes[place].terms != terms {
            classes.insert(UnitClass(terms: terms), at: place)
        }
        change(&classes[place])
        if classes[place].isEmpty { classes.remove(at: place) }
    }

    func unitClass(_ terms: UnitTerms) -> UnitClass? {
        let place = place(of: terms)
        return place < classes.endIndex && classes[place].terms == terms ? classes[place] : nil
    }

    private mutating func count(_ resource: Resource, by change: Int) {
        count += change
        total += resource.capacity * Int64(change)
        guard resource.status == .available else { return }
        capacity += resource.capacity * Int64(change)
        if resource.isUnit { availableUnits += change } else { availablePools += change }
    }

    private func place(of terms: UnitTerms) -> Int { classes.partitionPoint { $0.terms < terms } }

    /// Whether any of the resources has such attributes.
    func has(_ requirements: [Requirement]) -> Bool {
        requirements.isEmpty
            || kinds.values.contains { kind in requirements.allSatisfy { $0.admits(kind.attributes) } }
    }

    /// At most how much of it is free at an instant.
    func free(at now: Timestamp) -> Int64 { max(0, min(capacity, total - promised.level(at: now))) }

    /// Whether at some instant of the window all of it is promised, so that nothing is free over the whole of it.
    func isTaken(over window: Window) -> Bool { capacity == 0 || promised.peak(over: window) >= total }
}
