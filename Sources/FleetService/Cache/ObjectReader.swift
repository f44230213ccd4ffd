package import FleetDomain
import FleetJSON
package import FleetStore

/// Reads single objects by their keys: from the cache where the database is far away, else, and whenever a copy is not
/// known to hold, from the database.
///
/// Copies are of whole objects, as the tables have them, and never of answers: what a reader may learn of one is decided
/// after it was read, as before. What people wrote is sealed in a copy as it is in the tables (`Vault`), and the copy once
/// more (`CacheSeal`). The argument why no answer differs stands at `ChangeIndex`.
package struct ObjectReader: Sendable {
    private static let lookups = MetricsRegistry.Name(
        "fleet_object_cache_lookups_total",
        help: "Objects looked for in the cache: hit, miss (not there), stale (no longer current), unusable.")
    /// How long a copy is kept, read or not.
    package static let lifetime = Duration.seconds(600)
    /// Keys of one look-up: a longer list is read from the database at once.
    private static let keysMax = 16

    private struct Caching: Sendable {
        let cache: any SharedCache
        let seal: CacheSeal
        let changes: ChangeIndex
        let metrics: MetricsRegistry?
    }

    private let store: Store
    private let caching: Caching?

    /// Reads everything from the database.
    package init(_ store: Store) {
        self.store = store
        caching = nil
    }

    /// Before the writer starts, so that it notes what changes.
    ///
    /// - Precondition: the store answers with all that this process knows to be committed; a standby that is behind
    ///   it would give copies that claim more than they hold.
    /// - Parameter isDatabaseRemote: an embedded database answers within microseconds, and is read itself.
    package init(
        _ store: Store, _ committed: CommittedLog, cache: any SharedCache, seal: CacheSeal, isDatabaseRemote: Bool,
        metrics: MetricsRegistry? = nil
    ) {
        self.store = store
        guard isDatabaseRemote else {
            caching = nil
            return
        }
        committed.changes.arm()
        caching = Caching(cache: cache, seal: seal, changes: committed.changes, metrics: metrics)
    }
}

// MARK: The objects

extension ObjectReader {
    package func fleet(_ id: Fleet.ID) async throws(StoreError) -> Fleet? {
        try await object(.fleet(id)) { () throws(StoreError) in try await store.fleet(id) }
    }

    package func resource(_ key: Resource.Key) async throws(StoreError) -> Resource? {
        try await object(.resource(key)) { () throws(StoreError) in try await store.resource(key) }
    }

    package func lease(_ id: Lease.ID) async throws(StoreError) -> Lease? {
        try await object(.lease(id)) { () throws(StoreError) in try await store.lease(id) }
    }

    package func member(_ key: Member.Key) async throws(StoreError) -> Member? {
        try await object(.member(key), keepsAbsence: true) { () throws(StoreError) in try await store.member(key) }
    }

    /// What ties the reader to one federation: the federation and the memberships of its fleets, all of one instant.
    package func standing(of reader: Principal, in id: Federation.ID) async throws(StoreError) -> Standing? {
        let fleets = reader.fleets.sorted()
        guard let caching, fleets.count < Self.keysMax else { return try await store.standing(of: reader, in: id) }
        let members = fleets.map { Member.Key(federation: id, fleet: $0) }
        let keys = [ObjectKey.federation(id)] + members.map(ObjectKey.member)
        let found = await lookUp(keys, caching)
        if let copies = found.copies, let federation: Federation = record(copies[0]) {
            return Standing(federation: federation, members: copies.dropFirst().compactMap { record($0) })
        }
        let stamp = await stamp(caching)
        let standing = try await store.standing(of: reader, in: id)
        if let stamp, let standing {
            keep(standing.federation, as: keys[0], stamp, found, caching)
            for key in members {
                keep(standing.members.first { $0.key == key }, as: .member(key), stamp, found, caching)
            }
        }
        return standing
    }

    /// The allocation with the leases made for it.
    package func allocation(_ id: Allocation.ID) async throws(StoreError) -> (Allocation, [Lease])? {
        guard let caching else { return try await store.allocation(id) }
        let first = await lookUp([.allocation(id)], caching)
        if let copies = first.copies, let allocation: Allocation = record(copies[0]),
            let leases = await leases(of: allocation, copies[0], caching)
        {
            return (allocation, leases)
        }
        let stamp = await stamp(caching)
        let found = try await store.allocation(id)
        if let stamp, let (allocation, leases) = found, Set(allocation.leases) == Set(leases.map(\.id)) {
            keep(allocation, as: .allocation(id), stamp, first, caching)
            for lease in leases { keep(lease, as: .lease(lease.id), stamp, first, caching) }
        }
        return found
    }

    /// The leases of an allocation, in the order of their ids; nil unless copies of all hold together with the allocation's.
    private func leases(of allocation: Allocation, _ copy: Copy, _ caching: Caching) async -> [Lease]? {
        guard allocation.leases.count < Self.keysMax else { return nil }
        let ids = allocation.leases.sorted()
        guard !ids.isEmpty else { return [] }
        let found = await lookUp(ids.map(ObjectKey.lease), caching, with: copy)
        guard let leases = found.copies?.compactMap({ record($0) as Lease? }), leases.count == ids.count else {
            return nil
        }
        return leases
    }
}

// MARK: The cache

extension ObjectReader {
    /// What was found of an object: nil where it is known that there is none.
    private struct Copy: Sendable {
        let key: ObjectKey
        let stamp: ChangeIndex.Stamp
        let json: JSONObject?
    }

    private struct Found: Sendable {
        /// One for each key, all current at one instant; nil unless that is so.
        var copies: [Copy]?
        /// Under which there is something that will never be of use.
        var unusable: Set<ObjectKey> = []
    }

    private func object<Row: Record>(
        _ key: ObjectKey, keepsAbsence: Bool = false, _ read: () async throws(StoreError) -> Row?
    ) async throws(StoreError) -> Row? {
        guard let caching else { return try await read() }
        let found = await lookUp([key], caching)
        if let copy = found.copies?.first {
            if let row: Row = record(copy) { return row }
            if copy.json == nil, keepsAbsence { return nil }
        }
        // Before the database is read: a copy holds at least what was committed by then.
        let stamp = await stamp(caching)
        let row = try await read()
        if let stamp, row != nil || keepsAbsence { keep(row, as: key, stamp, found, caching) }
        return row
    }

    private func record<Row: Record>(_ copy: Copy) -> Row? { copy.json.flatMap { try? Row(json: $0) } }

    /// - Parameter other: a copy that has to be current at the same instant.
    private func lookUp(_ keys: [ObjectKey], _ caching: Caching, with other: Copy? = nil) async -> Found {
        guard caching.changes.stamp != nil else { return Found() }
        let places = keys.map { caching.seal.place($0.purpose, $0.subject) }
        let values = await caching.cache.values(places.map(\.name))
        var found = Found()
        var copies: [Copy] = []
        for (index, value) in values.enumerated() {
            guard let value else { continue }
            guard let copy = Self.copy(keys[index], value, places[index]) else {
                found.unusable.insert(keys[index])
                continue
            }
            copies.append(copy)
        }
        let isWhole = copies.count == keys.count
        // Asked when all has arrived: what held while they were on their way is no matter.
        let isCurrent =
            isWhole
            && caching.changes.areCurrent((copies + (other.map { [$0] } ?? [])).map { ($0.key, $0.stamp) })
        if isCurrent { found.copies = copies }
        caching.metrics?.count(
            Self.lookups,
            ["result": isCurrent ? "hit" : isWhole ? "stale" : found.unusable.isEmpty ? "miss" : "unusable"])
        return found
    }

    private static let tagLength = 8

    private static func copy(_ key: ObjectKey, _ value: CachedValue, _ place: CacheSeal.Place) -> Copy? {
        guard let plain = place.open(value), plain.count >= tagLength else { return nil }
        let stamp = ChangeIndex.Stamp(
            position: value.version, tag: plain.prefix(tagLength).reduce(0) { $0 << 8 | UInt64($1) })
        let text = Array(plain.dropFirst(tagLength))
        guard !text.isEmpty else { return Copy(key: key, stamp: stamp, json: nil) }
        guard let json = (try? JSON.parse(text))?.objectValue else { return nil }
        return Copy(key: key, stamp: stamp, json: json)
    }

    private func keep(
        _ row: (some Record)?, as key: ObjectKey, _ stamp: ChangeIndex.Stamp, _ found: Found, _ caching: Caching
    ) {
        var writer = JSONWriter()
        row?.write(to: &writer)
        let tag = (0..<Self.tagLength).map { UInt8(truncatingIfNeeded: stamp.tag >> UInt64(56 - $0 * 8)) }
        let place = caching.seal.place(key.purpose, key.subject)
        caching.cache.keep(
            place.seal(tag + (row == nil ? [] : writer.bytes), version: stamp.position), as: place.name,
            for: Self.lifetime, replaces: found.unusable.contains(key))
    }

    /// The end of the log as it is known; the last event is read for it where that is still to be done.
    private func stamp(_ caching: Caching) async -> ChangeIndex.Stamp? {
        if let stamp = caching.changes.stamp { return stamp }
        guard let position = caching.changes.unread,
            let event = try? await store.events(after: position - 1, limit: 1).first
        else { return nil }
        caching.changes.read(event)
        return caching.changes.stamp
    }
}
