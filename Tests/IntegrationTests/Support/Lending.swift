import FleetJSON
import Foundation

/// One vehicle, and two fleets of one federation that share it and write to each other.
struct Lending: Sendable {
    let federation: String

    init(on replica: ServiceProcess) async throws {
        for fleet in ["lender", "borrower"] {
            _ = try await replica.send(
                "POST", "/fleets", #"{"fleet_id":"\#(fleet)","name":"\#(fleet)","organization":"\#(fleet)"}"#)
        }
        _ = try await replica.send(
            "POST", "/fleets/lender/resources", #"{"resource_id":"van","resource_type":"vehicle"}"#)
        federation = try await replica.create("all")["federation_id"]?.stringValue ?? ""
        for fleet in ["lender", "borrower"] {
            let reply = try await replica.send(
                "POST", "/federations/\(federation)/members",
                #"{"fleet_id":"\#(fleet)","isolation_level":"none","resource_sharing":true}"#)
            guard reply.status == 201 else { throw StartFailure(description: reply.text) }
        }
    }

    /// The start of an hour of a day to come.
    func window(day: Int, hour: Int) -> String {
        let start = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 / 86_400).rounded(.down) * 86_400)
        return start.addingTimeInterval(Double(day * 86_400 + hour * 3600)).ISO8601Format()
    }

    /// The body that asks for the van for an hour.
    func request(_ start: String) -> String {
        """
        {"federation_id":"\(federation)","source_fleet_id":"lender","target_fleet_id":"borrower",\
        "resource_type":"vehicle","resource_id":"van","starts_at":"\(start)","duration":3600,\
        "priority":"normal"}
        """
    }

    func ask(on replica: ServiceProcess, _ start: String, headers: [String: String] = [:]) async throws -> Reply {
        try await replica.send("POST", "/resource-sharing", request(start), headers: headers)
    }

    /// A message of the lender's.
    func say(_ text: String, on replica: ServiceProcess) async throws -> Reply {
        try await replica.send(
            "POST", "/messages",
            """
            {"federation_id":"\(federation)","source_fleet_id":"lender","target_fleet_id":"borrower",\
            "message_type":"note","message_content":{"text":"\(text)"}}
            """)
    }

    /// For any vehicle, now or in the queue, in a window that nobody has asked for.
    func allocate(on replica: ServiceProcess, _ start: String) async throws -> Reply {
        try await replica.send(
            "POST", "/allocations",
            """
            {"federation_id":"\(federation)","target_fleet_id":"borrower","resource_type":"vehicle","quantity":1,\
            "earliest":"\(start)","latest":"\(start)","duration":600,"queue":true}
            """)
    }
}
