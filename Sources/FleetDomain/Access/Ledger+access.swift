/// The facts of `Access`, read from the ledger: what the handlers check as a fast path on the database is
/// decided here, on the writer's own state.
extension Ledger {
    package func standing(of principal: Principal, in federation: Federation) -> Standing {
        Standing(
            federation: federation,
            members: principal.fleets.compactMap { members[Member.Key(federation: federation.id, fleet: $0)] })
    }

    /// Every federation in which `principal` meets `owner`.
    package func meetings(of principal: Principal, with owner: Fleet.ID) -> [Meeting] {
        let shared = federationsOfFleet[owner] ?? []
        let standings = shared.reduce(into: [Federation.ID: Standing]()) { standings, id in
            standings[id] = federations[id].map { standing(of: principal, in: $0) }
        }
        let memberships = shared.compactMap { members[Member.Key(federation: $0, fleet: owner)] }
        return principal.meetings(standings: standings, owner: memberships)
    }

    package func disclosure(of owner: Fleet.ID, to principal: Principal) -> Disclosure {
        principal.disclosure(of: owner, meetings: meetings(of: principal, with: owner))
    }

    /// Whether two fleets have a live lease between them.
    func haveLease(_ a: Fleet.ID, _ b: Fleet.ID, in federation: Federation.ID) -> Bool {
        guard let leasesOfA = leasesOfMember[Member.Key(federation: federation, fleet: a)],
            let leasesOfB = leasesOfMember[Member.Key(federation: federation, fleet: b)]
        else { return false }
        return !leasesOfA.isDisjoint(with: leasesOfB)
    }

    /// Whom an event about `entity` is for, as things are after it.
    func audience(of entity: Entity) -> Audience {
        switch entity {
        case .fleet(let fleet): Audience(parties: [fleet.id])
        case .resource(let resource): Audience(parties: [resource.key.fleet])
        case .lease(let lease):
            Audience(
                parties: lease.changesHands ? [lease.source, lease.target] : [lease.source],
                coordinatorsOf: areOpen(lease.source, lease.target, in: lease.federation) ? lease.federation : nil)
        case .federation(let federation):
            Audience(witnesses: presentFleets(of: federation.id), coordinatorsOf: federation.id)
        case .member(let member):
            Audience(
                parties: [member.key.fleet], witnesses: fleetsThatKnow(member), coordinatorsOf: member.key.federation)
        case .balance: Audience()
        case .allocation(let allocation):
            Audience(
                parties: [allocation.target],
                coordinatorsOf: isOpen(allocation.target, in: allocation.federation) ? allocation.federation : nil)
        case .quota(let quota):
            Audience(parties: [quota.key.member.fleet], coordinatorsOf: quota.key.member.federation)
        case .message(let message):
            Audience(
                parties: [message.source] + message.recipients.map(\.fleet),
                coordinatorsOf: message.target.map { areOpen(message.source, $0, in: message.federation) } ?? false
                    ? message.federation : nil)
        case .delivery(let delivery):
            Audience(
                parties: delivery.isConcealed ? [delivery.target] : [delivery.source, delivery.target],
                coordinatorsOf: areOpen(delivery.source, delivery.target, in: delivery.federation)
                    ? delivery.federation : nil)
        case .metric(let metric): Audience(coordinatorsOf: metric.federation)
        case .webhook(let webhook): Audience(parties: [webhook.fleet])
        case .replay(let replay): Audience(parties: replay.fleet.map { [$0] } ?? [])
        case .apiKey: Audience()
        case .crossing(let crossing): Audience(parties: [crossing.protected])
        case .checkpoint: Audience()
        }
    }

    /// Whether what the fleet uses is open to those who coordinate the federation.
    private func isOpen(_ fleet: Fleet.ID, in federation: Federation.ID) -> Bool {
        areOpen(fleet, fleet, in: federation)
    }

    /// Whether what passes between the two is open to those who coordinate the federation.
    private func areOpen(_ source: Fleet.ID, _ target: Fleet.ID, in federation: Federation.ID) -> Bool {
        View.useIsOpen(
            members[Member.Key(federation: federation, fleet: source)],
            members[Member.Key(federation: federation, fleet: target)])
    }

    private func presentFleets(of federation: Federation.ID) -> [Fleet.ID] {
        (fleetsOfFederation[federation] ?? []).sorted()
    }

    private func fleetsThatKnow(_ member: Member) -> [Fleet.ID] {
        guard member.status != .invited, member.isolationLevel <= .medium else { return [] }
        return presentFleets(of: member.key.federation).filter { fleet in
            guard fleet != member.key.fleet,
                let other = members[Member.Key(federation: member.key.federation, fleet: fleet)]
            else { return false }
            return other.status.isPresent && other.isolationLevel <= .medium
        }
    }
}
