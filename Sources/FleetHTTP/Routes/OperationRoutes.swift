import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import HTTPTypes
import Hummingbird
import NIOCore

/// What those ask who run the service.
enum OperationRoutes {
    /// Longer than a healthy database needs, shorter than the patience of any prober.
    private static let checkPatience = Duration.seconds(1)
    /// For the writer's state; a scraper waits ten seconds.
    private static let statePatience = Duration.seconds(5)

    static func health(_ call: Call) async throws -> Response {
        let (isReachable, replication) = await database(call)
        let dependencies = call.api.dependencies.health
        let isWhole = dependencies.allSatisfy { $0.isReachable || $0.name == .database }
        let status = !isReachable ? "unhealthy" : isWhole ? "healthy" : "degraded"
        var writer = JSONWriter()
        writer.beginObject()
        writer.field("status", status)
        writer.field("service", "fleet-coordination")
        if call.isKnown {
            writer.key("checks")
            writer.beginObject()
            writer.key("database")
            writer.beginObject()
            writer.field("status", isReachable ? "healthy" : "unhealthy")
            writer.field("engine", call.api.store.database.dialect.rawValue)
            call.api.write(role: call.api.replica.role, &writer)
            if let replication { writer.field("replication", replication.rawValue) }
            if let database = dependencies.first(where: { $0.name == .database }) {
                // It was asked now, and may be well again.
                write(circuit: database, reason: isReachable ? nil : database.reason, for: call.principal, &writer)
            }
            writer.endObject()
            for name in DependencyName.allCases where name != .database {
                writer.key(string: name.rawValue)
                write(dependencies.first { $0.name == name }, for: call.principal, &writer)
            }
            writer.endObject()
        }
        writer.endObject()
        return try call.answer(
            writer.bytes, status: isReachable ? .ok : .serviceUnavailable, isObject: false)
    }

    /// Why it cannot be used is for those who run the service.
    private static func write(_ dependency: DependencyHealth?, for reader: Principal?, _ writer: inout JSONWriter) {
        writer.beginObject()
        defer { writer.endObject() }
        guard let dependency else { return writer.field("status", "disabled") }
        writer.field("status", dependency.isReachable ? "healthy" : "unhealthy")
        write(circuit: dependency, reason: dependency.reason, for: reader, &writer)
    }

    private static func write(
        circuit dependency: DependencyHealth, reason: String?, for reader: Principal?, _ writer: inout JSONWriter
    ) {
        writer.field("circuit", dependency.circuit.rawValue)
        if let reason, reader?.holdsEverywhere(.metricsRead) == true { writer.field("reason", reason) }
    }

    /// Whether it answers, and what it does for its standbys.
    private static func database(_ call: Call) async -> (isReachable: Bool, Replication?) {
        let (store, isKnown) = (call.api.store, call.isKnown)
        do {
            return try await withDeadline(checkPatience) {
                _ = try await store.logEnd()
                return (true, isKnown ? try await store.replication() : nil)
            }
        } catch {
            return (false, nil)
        }
    }

    static func live(_ call: Call) async throws -> Response { try status("live", call) }

    static func ready(_ call: Call) async throws -> Response {
        guard call.api.replica.isReady else {
            throw FleetError(.storageUnavailable, "The state is being loaded, or the database is not reached.")
        }
        return try status("ready", call)
    }

    private static func status(_ text: String, _ call: Call) throws -> Response {
        var writer = JSONWriter()
        writer.beginObject()
        writer.field("status", text)
        writer.endObject()
        return try call.answer(writer.bytes, isObject: false)
    }

    /// The measurements count what everybody does, so only those who may see everything get them.
    static func metrics(_ call: Call) async throws -> Response {
        guard call.principal.holdsEverywhere(.metricsRead) else { throw FleetError.denied(.metricsRead) }
        try call.request.negotiate("text/plain")
        return await exposition(call.api)
    }

    /// Everything measured, in the Prometheus text format.
    static func exposition(_ api: API) async -> Response {
        // Of the ledger only the writer knows, where there are several with the database's word. Without it the rest is told:
        // that the database is away, above all.
        var state: [MetricsRegistry.Gauge] = []
        if !api.replica.isFollower {
            state = (try? await withDeadline(statePatience) { try await api.orchestrator.gauges() }) ?? []
        }
        let gauges = state + api.orchestrator.ownGauges + api.sinks.gauges() + api.dependencies.gauges()
        return Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: api.metrics.exposition(gauges: gauges))))
    }
}

extension API {
    /// Which part this process has among those that serve the database, where there may be several.
    fileprivate func write(role: Replica.Role, _ writer: inout JSONWriter) {
        guard store.isShared else { return }
        switch role {
        case .none: writer.field("role", "none")
        case .writer: writer.field("role", "writer")
        case .elected, .follower: writer.field("role", "follower")
        }
    }
}
