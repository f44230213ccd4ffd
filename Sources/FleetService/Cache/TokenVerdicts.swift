package import FleetDomain
import FleetJSON

/// Whom the tokens name that some process has verified, for all that share a cache: a signature costs more than the rest
/// of a request.
///
/// Only accepted tokens are kept, under the keys, the issuer and the audience that they were accepted by, and no longer
/// than they last. A verdict is sealed, because one that could be forged would let in whoever forged it.
package struct TokenVerdicts: Sendable {
    package struct Verdict: Sendable, Equatable {
        package let principal: Principal
        /// The first instant at which the token no longer counts.
        package let end: Timestamp

        package init(principal: Principal, end: Timestamp) {
            self.principal = principal
            self.end = end
        }
    }

    /// As long as a process keeps one for itself.
    package static let lifetime: Seconds = 300

    private let cache: any SharedCache
    private let seal: CacheSeal

    package init(_ cache: any SharedCache, seal: CacheSeal) {
        self.cache = cache
        self.seal = seal
    }

    /// - Parameter terms: by what the token is judged: other terms have other verdicts.
    package func verdict(on token: [UInt8], under terms: String) async -> Verdict? {
        let place = place(token, terms)
        guard let value = await cache.values([place.name]).first ?? nil, let text = place.open(value),
            let json = (try? JSON.parse(text))?.objectValue
        else { return nil }
        return Verdict(json)
    }

    package func keep(_ verdict: Verdict, on token: [UInt8], under terms: String, at now: Timestamp) {
        let left = min(verdict.end, now + Self.lifetime).milliseconds - now.milliseconds
        guard left > 0 else { return }
        let place = place(token, terms)
        cache.keep(
            place.seal(Array(verdict.json.text.utf8), version: 0), as: place.name, for: .milliseconds(left),
            replaces: false)
    }

    /// The name is a keyed hash of the token, from which it cannot be had.
    private func place(_ token: [UInt8], _ terms: String) -> CacheSeal.Place {
        seal.place("token/\(terms)", String(decoding: token, as: UTF8.self))
    }
}

extension TokenVerdicts.Verdict {
    fileprivate var json: JSON {
        .object(
            JSONObject([
                JSONObject.Member(key: "subject", value: .string(principal.subject)),
                JSONObject.Member(key: "roles", value: .strings(principal.roles.map(\.rawValue))),
                JSONObject.Member(key: "fleets", value: principal.fleets.sortedJSON),
                JSONObject.Member(key: "federations", value: principal.federations.sortedJSON),
                JSONObject.Member(key: "scopes", value: .strings(principal.scopes.map(\.rawValue))),
                JSONObject.Member(key: "end", value: .integer(end.milliseconds)),
            ]))
    }

    /// nil unless every word of it is known: one release must not give out less, or more, than another has seen.
    fileprivate init?(_ json: JSONObject) {
        guard let subject = json["subject"]?.stringValue, let roles = json["roles"]?.strings(Role.init(rawValue:)),
            let fleets = json["fleets"]?.strings(Fleet.ID.init),
            let federations = json["federations"]?.strings(Federation.ID.init),
            let scopes = json["scopes"]?.strings(Permission.init(rawValue:)), case .integer(let end) = json["end"]
        else { return nil }
        self.init(
            principal: Principal(
                subject: subject, roles: Set(roles), fleets: Set(fleets), federations: Set(federations),
                scopes: Set(scopes)),
            end: Timestamp(milliseconds: end))
    }
}

extension JSON {
    fileprivate static func strings(_ values: [String]) -> JSON { .array(values.sorted().map(JSON.string)) }
}
