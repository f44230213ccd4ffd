/// Looking things up for a principal: what it may not see is refused exactly as what is absent, and the owner
/// of what was there is noted as crossed.
extension Ledger {
    /// The federation, if the principal may see it.
    package func visibleFederation(_ id: Federation.ID, _ principal: Principal) throws(FleetError) -> Standing {
        guard let federation = federations[id] else { throw FleetError.notFound(.federationNotFound) }
        let standing = standing(of: principal, in: federation)
        guard View(reader: principal).sees(standing) else { throw FleetError.notFound(.federationNotFound) }
        return standing
    }

    /// The federation, if the principal coordinates it under `permission`.
    package func coordinatedFederation(
        _ id: Federation.ID, _ principal: Principal, _ permission: Permission
    ) throws(FleetError) -> Standing {
        let standing = try visibleFederation(id, principal)
        guard principal.holds(permission, coordinating: standing) else { throw FleetError.denied(permission) }
        return standing
    }

    /// The membership, if the principal may see it; a fleet that left is absent.
    package func visibleMember(_ key: Member.Key, _ principal: Principal) throws(FleetError) -> (Standing, Member) {
        let standing = try visibleFederation(key.federation, principal)
        guard let member = members[key], member.status != .left else { throw FleetError.notFound(.memberNotFound) }
        guard View(reader: principal).sees(member, in: standing) else {
            throw FleetError.notFound(.memberNotFound, crossing: key.fleet)
        }
        return (standing, member)
    }

    /// The fleet, if the principal owns it under `permission`.
    package func ownedFleet(
        _ id: Fleet.ID, _ principal: Principal, _ permission: Permission
    ) throws(FleetError) -> Fleet {
        guard let fleet = fleets[id] else { throw FleetError.notFound(.fleetNotFound) }
        if principal.holds(permission, for: id) { return fleet }
        guard disclosure(of: id, to: principal) >= .known else {
            throw FleetError.notFound(.fleetNotFound, crossing: id)
        }
        throw FleetError.denied(permission, crossing: id)
    }

    /// The resource, if the principal owns it under `permission`.
    package func ownedResource(
        _ key: Resource.Key, _ principal: Principal, _ permission: Permission
    ) throws(FleetError) -> Resource {
        guard let resource = resources[key], fleets[key.fleet] != nil else {
            if principal.holds(.fleetRead, for: key.fleet), fleets[key.fleet] != nil {
                throw FleetError.notFound(.resourceNotFound)
            }
            let disclosure = disclosure(of: key.fleet, to: principal)
            guard disclosure >= .known else { throw FleetError.notFound(.fleetNotFound) }
            throw disclosure >= .attributes
                ? FleetError.notFound(.resourceNotFound) : FleetError.denied(permission)
        }
        if principal.holds(permission, for: key.fleet) { return resource }
        guard disclosure(of: key.fleet, to: principal) >= .known else {
            throw FleetError.notFound(.fleetNotFound, crossing: key.fleet)
        }
        throw FleetError.denied(permission, crossing: key.fleet)
    }

    /// The live lease, if the principal may see it.
    package func visibleLease(_ id: Lease.ID, _ principal: Principal) throws(FleetError) -> Lease {
        guard let lease = leases[id] else { throw FleetError.notFound(.sharingNotFound) }
        guard sees(lease, principal) else {
            throw FleetError.notFound(.sharingNotFound, crossing: lease.source)
        }
        return lease
    }

    func sees(_ lease: Lease, _ principal: Principal) -> Bool {
        let keys = [lease.source, lease.target].map { Member.Key(federation: lease.federation, fleet: $0) }
        let coordinates = federations[lease.federation].map {
            principal.holds(.sharingRead, coordinating: standing(of: principal, in: $0))
        }
        let openUse = coordinates == true && View.useIsOpen(members[keys[0]], members[keys[1]])
        return View(reader: principal).sees(lease, asCoordinator: openUse)
    }
}

extension FleetError {
    /// The one answer for what is absent and for what is hidden.
    package static func notFound(_ code: ErrorCode, crossing owner: Fleet.ID? = nil) -> FleetError {
        let noun =
            switch code {
            case .federationNotFound: "federation"
            case .memberNotFound: "member"
            case .fleetNotFound: "fleet"
            case .resourceNotFound: "resource"
            case .sharingNotFound: "resource sharing"
            case .allocationNotFound: "allocation"
            case .recordNotFound: "audit record"
            case .checkpointNotFound: "checkpoint"
            case .quotaNotFound: "quota"
            case .messageNotFound: "message"
            case .deadLetterNotFound: "dead letter"
            case .webhookNotFound: "webhook"
            case .replayNotFound: "event replay"
            case .keyNotFound: "API key"
            default: "object"
            }
        var error = FleetError(code, "There is no such \(noun), or you may not see it.")
        error.crossed = owner
        return error
    }

    package static func denied(_ permission: Permission, crossing owner: Fleet.ID? = nil) -> FleetError {
        var error = FleetError(.permissionDenied, "This needs the permission \(permission.rawValue) here.")
        error.crossed = owner
        return error
    }

    package static func invalid(_ pointer: String, _ code: String, _ detail: String) -> FleetError {
        invalid([Fault(pointer, code, detail)])
    }

    package static func invalid(_ faults: [Fault]) -> FleetError {
        FleetError(.validationFailed, "The request is not valid.", faults: faults)
    }
}
