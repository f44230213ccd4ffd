import FleetJSON

/// What a fleet offers of a type, with what tells at a glance that there is nothing of it.
package struct Offer: Sendable, Equatable {
    /// Those that are not retired, by id.
    package private(set) var resources: [Resource.ID] = []
    /// Of those that are available.
    package private(set) var capacity: Int64 = 0
    /// Of all of them: what is in maintenance may still be promised.
    private var total: Int64 = 0
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

    package var isEmpty: Bool { resources.isEmpty && promised.isEmpty }

    mutating func insert(_ resource: Resource) {
        let id = resource.key.resource
        resources.insert(id, at: place(of: id))
        let text = JSON.object(resource.attributes).text
        kinds[text, default: Kind(attributes: resource.attributes, count: 0)].count += 1
        count(resource, by: 1)
    }

    mutating func remove(_ resource: Resource) {
        let place = place(of: resource.key.resource)
        guard place < resources.endIndex, resources[place] == resource.key.resource else { return }
        resources.remove(at: place)
        let text = JSON.object(resource.attributes).text
        kinds[text]?.count -= 1
        if kinds[text]?.count == 0 { kinds[text] = nil }
        count(resource, by: -1)
    }

    mutating func promise(_ quantity: Int64, over window: Window) { promised.add(quantity, over: window) }

    private mutating func count(_ resource: Resource, by change: Int) {
        total += resource.capacity * Int64(change)
        guard resource.status == .available else { return }
        capacity += resource.capacity * Int64(change)
        if resource.isUnit { availableUnits += change } else { availablePools += change }
    }

    private func place(of id: Resource.ID) -> Int {
        var (low, high) = (0, resources.count)
        while low < high {
            let middle = (low + high) / 2
            if resources[middle] < id { low = middle + 1 } else { high = middle }
        }
        return low
    }

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
