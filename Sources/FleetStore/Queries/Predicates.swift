import FleetDomain

/// The rules of `View`, as SQL: what a reader may not see is filtered out where rows are read, so that pages are
/// full. A test compares the two over random worlds.
extension Principal {
    /// Federations that it coordinates under `permission`; nil is under any.
    func coordinatedFederations(_ permission: Permission?) -> SQL.Fragment {
        let isService = roles.contains(.service) && permission.map(scopes.contains) ?? true
        var conditions: [SQL.Fragment] = []
        if roles.contains(.federationCoordinator) || isService {
            conditions.append("c.federation_id IN \(list: federations.sorted())")
        }
        if roles.contains(.federationCoordinator) { conditions.append("c.created_by = \(subject)") }
        if roles.contains(.fleetOperator) || isService {
            conditions.append(
                """
                c.federation_id IN (SELECT k.federation_id FROM fleet_federation_members AS k \
                WHERE k.fleet_id IN \(list: fleets.sorted()) AND k.role = 'coordinator' AND k.status = 'active')
                """)
        }
        return "SELECT c.federation_id FROM fleet_federations AS c WHERE \(SQL.any(conditions))"
    }

    /// Federations that it coordinates or in which a fleet of its own is a member, or invited.
    func seesFederation(_ column: StaticString) -> SQL.Fragment {
        if holdsEverywhere(.federationRead) { return "1 = 1" }
        let column = SQL.Fragment(stringLiteral: column)
        return """
            (\(column) IN (\(coordinatedFederations(.federationRead))) OR \(column) IN (SELECT o.federation_id \
            FROM fleet_federation_members AS o WHERE o.fleet_id IN \(list: fleets.sorted()) AND o.status <> 'left'))
            """
    }

    /// Memberships, under the alias `m`, that it may see.
    var seesMember: SQL.Fragment {
        if holdsEverywhere(.federationRead) { return "m.status <> 'left'" }
        return """
            (m.status <> 'left' AND (m.fleet_id IN \(list: fleets.sorted()) \
            OR m.federation_id IN (\(coordinatedFederations(.federationRead))) OR (\(isOpenlyPresent("m")) \
            AND m.federation_id IN (SELECT o.federation_id FROM fleet_federation_members AS o \
            WHERE o.fleet_id IN \(list: fleets.sorted()) AND \(isOpenlyPresent("o"))))))
            """
    }

    /// Fleets, under the alias `f`, that it may see.
    var seesFleet: SQL.Fragment {
        if holdsEverywhere(.fleetRead) { return "1 = 1" }
        return """
            (f.fleet_id IN \(list: fleets(under: .fleetRead)) OR EXISTS (SELECT 1 FROM fleet_federation_members AS m \
            JOIN fleet_federations AS d ON d.federation_id = m.federation_id AND d.status <> 'dissolved' \
            WHERE m.fleet_id = f.fleet_id AND m.status IN ('active', 'suspended', 'leaving') \
            AND m.isolation_level IN ('none', 'low', 'medium') AND \(seesMember)))
            """
    }

    /// Leases, under the alias `s`, that it may see.
    var seesLease: SQL.Fragment {
        if holdsEverywhere(.sharingRead) { return "1 = 1" }
        let own = fleets(under: .sharingRead)
        return """
            (s.source_fleet_id IN \(list: own) OR s.target_fleet_id IN \(list: own) \
            OR (s.federation_id IN (\(coordinatedFederations(.sharingRead))) \
            AND \(isOpen("s.source_fleet_id", in: "s.federation_id")) \
            AND \(isOpen("s.target_fleet_id", in: "s.federation_id"))))
            """
    }

    /// Of those, the leases of which it may know the resource: the engine's choice is the lender's until it approves.
    var seesResourceOfLease: SQL.Fragment {
        if holdsEverywhere(.sharingRead) { return "1 = 1" }
        return """
            (s.allocation_id IS NULL OR s.was_approved \
            OR s.source_fleet_id IN \(list: fleets(under: .sharingRead)))
            """
    }

    /// Deliveries, under the alias `l`, that it may see.
    var seesDelivery: SQL.Fragment {
        if holdsEverywhere(.communicationRead) { return "1 = 1" }
        let own = fleets(under: .communicationRead)
        return """
            (l.target_fleet_id IN \(list: own) OR (l.source_fleet_id IN \(list: own) AND NOT l.is_concealed) \
            OR (l.federation_id IN (\(coordinatedFederations(.communicationRead))) \
            AND \(isOpen("l.source_fleet_id", in: "l.federation_id")) \
            AND \(isOpen("l.target_fleet_id", in: "l.federation_id"))))
            """
    }

    /// Allocations, under the alias `a`, that it may see.
    var seesAllocation: SQL.Fragment {
        if holdsEverywhere(.sharingRead) { return "1 = 1" }
        return """
            (a.target_fleet_id IN \(list: fleets(under: .sharingRead)) \
            OR (a.federation_id IN (\(coordinatedFederations(.sharingRead))) \
            AND \(isOpen("a.target_fleet_id", in: "a.federation_id"))))
            """
    }

    /// That a column names a fleet in whose name it may do this.
    func limits(_ column: SQL.Fragment, to permission: Permission) -> SQL.Fragment {
        holdsEverywhere(permission) ? "1 = 1" : "\(column) IN \(list: fleets(under: permission))"
    }

    /// The fleets in whose name it may do this.
    private func fleets(under permission: Permission) -> [Fleet.ID] {
        fleets.filter { holds(permission, for: $0) }.sorted()
    }

    private func isOpen(_ fleetColumn: StaticString, in federationColumn: StaticString) -> SQL.Fragment {
        """
        EXISTS (SELECT 1 FROM fleet_federation_members AS n \
        WHERE n.federation_id = \(SQL.Fragment(stringLiteral: federationColumn)) \
        AND n.fleet_id = \(SQL.Fragment(stringLiteral: fleetColumn)) AND n.isolation_level = 'none')
        """
    }

    private func isOpenlyPresent(_ alias: StaticString) -> SQL.Fragment {
        let alias = SQL.Fragment(stringLiteral: alias)
        return """
            \(alias).status IN ('active', 'suspended', 'leaving') \
            AND \(alias).isolation_level IN ('none', 'low', 'medium')
            """
    }
}

extension SQL {
    /// All of the conditions; none is true.
    static func all(_ conditions: [Fragment]) -> Fragment {
        guard let first = conditions.first else { return "1 = 1" }
        return conditions.dropFirst().reduce("(" + first) { $0 + " AND " + $1 } + ")"
    }

    /// Any of the conditions; none is false.
    static func any(_ conditions: [Fragment]) -> Fragment {
        guard let first = conditions.first else { return "1 = 0" }
        return conditions.dropFirst().reduce("(" + first) { $0 + " OR " + $1 } + ")"
    }
}
