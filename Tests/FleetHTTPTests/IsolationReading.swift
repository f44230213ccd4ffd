import FleetDomain
import FleetTestSupport
import Testing

/// Everything that a reader can ask, asked of both worlds.
extension IsolationWorld {
    func readEverything(as reader: String) async throws {
        try await readFederations(as: reader)
        try await readFleets(as: reader)
        try await readLeases(as: reader)
        try await readRest(as: reader)
        try await probe(as: reader)
    }

    private func all(_ path: String, as reader: String) async throws {
        try await twin.askForAll(path, parameter: "page_token", as: reader)
    }

    private func readFederations(as reader: String) async throws {
        for query in ["page_size=1", "status=active", "fleet_id=hill", "fleet_id=north", "fleet_id=shade", "q=o"] {
            try await all("/federations?\(query)", as: reader)
        }
        for id in [federation, otherFederation] {
            try await twin.send("GET", "/federations/\(id)", as: reader)
            try await all("/federations/\(id)/members?page_size=2", as: reader)
            for fleet in ["north", "hill", "shade", "crypt", "phantom", "absent"] {
                try await twin.send("GET", "/federations/\(id)/members/\(fleet)", as: reader)
            }
            for fleet in ["north", "hill", "shade"] {
                try await twin.send("GET", "/federations/\(id)/members/\(fleet)/sharing-rules", as: reader)
            }
        }
    }

    private func readFleets(as reader: String) async throws {
        try await all("/fleets?page_size=2", as: reader)
        for fleet in ["south", "hill", "shade", "crypt", "phantom", "absent"] {
            try await twin.send("GET", "/fleets/\(fleet)", as: reader)
            try await all("/fleets/\(fleet)/resources?page_size=2", as: reader)
        }
        for (fleet, resource) in [("south", "r1"), ("south", "spare"), ("hub", "r1"), ("hill", "hidden")] {
            try await twin.send("GET", "/fleets/\(fleet)/resources/\(resource)", as: reader)
            try await all("/fleets/\(fleet)/resources/\(resource)/calendar?page_size=1", as: reader)
        }
    }

    private func readLeases(as reader: String) async throws {
        for query in ["page_size=2", "fleet_id=hill", "resource_id=spare", "federation_id=\(federation)&status=active"]
        {
            try await all("/resource-sharing?\(query)", as: reader)
        }
        for id in leases.suffix(6) + leasesAside.suffix(4) {
            try await twin.send("GET", "/resource-sharing/\(id)", as: reader)
        }
        for query in ["page_size=2", "fleet_id=south", "status=granted", "federation_id=\(federation)"] {
            try await all("/allocations?\(query)", as: reader)
        }
        for id in [federation, otherFederation] { try await all("/federations/\(id)/quotas?page_size=2", as: reader) }
    }

    private func readRest(as reader: String) async throws {
        try await all("/metrics?page_size=2", as: reader)
        // Those who coordinate see totals, which count what is hidden from them one by one.
        if reader != "coordinator", reader != "hub-operator" {
            for query in ["federation_id=\(federation)&step=86400", "federation_id=\(otherFederation)"] {
                try await all("/metrics?\(query)", as: reader)
            }
        }
        try await all("/audit-log?page_size=5", as: reader)
        try await all("/audit-log?outcome=denied&fleet_id=south", as: reader)
        try await all("/api-keys?page_size=2", as: reader)
        try await twin.askForAll("/events?limit=8", next: "next_after", parameter: "after", as: reader)
        try await twin.askForAll(
            "/events?federation_id=\(federation)&types=member.joined,sharing.granted", next: "next_after",
            parameter: "after", as: reader)
        for path in ["/whoami", "//health", "//metrics", "//openapi.json"] {
            try await twin.send("GET", path, as: reader)
        }
    }

    /// Writes that are refused, or are dry runs: what they answer is all that they do.
    private func probe(as reader: String) async throws {
        try await probeFleets(as: reader)
        try await probeFederations(as: reader)
        try await probeLeases(as: reader)
        for permission in ["fleet:read", "federation:manage"] {
            for target in [
                #""fleet_id":"shade""#, #""fleet_id":"hill""#, #""federation_id":"\#(federation)""#,
                #""federation_id":"\#(otherFederation)""#,
            ] {
                try await twin.send(
                    "POST", "/permissions/check", #"{"permission":"\#(permission)",\#(target)}"#, as: reader)
            }
        }
        try await dryRun("DELETE", "/api-keys/\(keyAside)", as: reader)
    }

    private func dryRun(_ method: String, _ path: String, _ body: String? = nil, as reader: String) async throws {
        try await twin.send(method, path + "?dry_run=true", body, as: reader)
    }

    private func probeFleets(as reader: String) async throws {
        for fleet in ["north", "hill", "shade", "absent"] {
            try await dryRun("PATCH", "/fleets/\(fleet)", #"{"name":"x"}"#, as: reader)
            let draft = #"{"resource_id":"new","resource_type":"vehicle"}"#
            try await dryRun("POST", "/fleets/\(fleet)/resources", draft, as: reader)
            try await dryRun("POST", "/federations", #"{"name":"x","founding_fleet_id":"\#(fleet)"}"#, as: reader)
        }
        for path in ["hill/resources/r1", "hill/resources/hidden", "shade/resources/hidden", "absent/resources/r1"] {
            try await dryRun("PATCH", "/fleets/\(path)", #"{"status":"maintenance"}"#, as: reader)
            try await dryRun("DELETE", "/fleets/\(path)", as: reader)
            let lease = leasesAside.last ?? federation
            let fence = #"{"fencing_token":1,"sharing_id":"\#(lease)"}"#
            try await dryRun("POST", "/fleets/\(path)/fence", fence, as: reader)
        }
    }

    private func probeFederations(as reader: String) async throws {
        for id in [federation, otherFederation] {
            try await dryRun("PUT", "/federations/\(id)", #"{"name":"x","description":"x"}"#, as: reader)
            let metric = #"{"federation_id":"\#(id)","metric_type":"load","metric_value":1,"metric_unit":"1"}"#
            try await dryRun("POST", "/metrics", metric, as: reader)
            for fleet in ["hill", "shade", "absent"] {
                let member = "/federations/\(id)/members/\(fleet)"
                try await dryRun("PATCH", member, #"{"resource_sharing":false}"#, as: reader)
                try await dryRun("POST", member + "/accept", as: reader)
                try await dryRun("PUT", member + "/sharing-rules", #"{"rules":[]}"#, as: reader)
                try await dryRun("POST", "/federations/\(id)/members", #"{"fleet_id":"\#(fleet)"}"#, as: reader)
            }
        }
        try await dryRun("DELETE", "/federations/\(otherFederation)", as: reader)
        // Whoever coordinates a federation is told how many leases its end would revoke: the one number that it
        // learns of leases that it may not see.
        if reader != "coordinator", reader != "hub-operator" {
            try await dryRun("DELETE", "/federations/\(federation)", as: reader)
            try await dryRun("DELETE", "/federations/\(federation)/members/hill", as: reader)
        }
    }

    private func probeLeases(as reader: String) async throws {
        let own = reader == "stranger" ? "loner" : String(reader.prefix { $0 != "-" })
        // A `high` fleet answers yes or no to who names it, so one that only one world has is not asked.
        let lenders = difference == .hidden ? ["south", "hub", "hill", "absent"] : ["south", "hub", "hill", "shade"]
        for lender in lenders + ["crypt"] where lender != own {
            for place in ["", #","federation_id":"\#(federation)""#, #","federation_id":"\#(otherFederation)""#] {
                let request = """
                    {"source_fleet_id":"\(lender)","target_fleet_id":"\(own)","resource_type":"vehicle",\
                    "resource_id":"r1","duration":600,"priority":"normal"\(place)}
                    """
                try await dryRun("POST", "/resource-sharing", request, as: reader)
            }
        }
        for id in leases.suffix(3) + leasesAside.suffix(2) {
            for action in ["approve", "return", "revoke"] {
                try await dryRun("POST", "/resource-sharing/\(id)/\(action)", as: reader)
            }
            try await dryRun("PUT", "/resource-sharing/\(id)", #"{"duration":9000}"#, as: reader)
            try await dryRun("DELETE", "/resource-sharing/\(id)", as: reader)
        }
    }
}
