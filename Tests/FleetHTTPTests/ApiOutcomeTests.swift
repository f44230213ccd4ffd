import FleetHTTP
import FleetJSON
import FleetStore
import FleetTestSupport
import Synchronization
import Testing

/// What a caller can rely on when the database fails under its request.
@Suite("When a commit fails", .timeLimit(.minutes(Effort.minutes(3))))
struct ApiOutcomeTests {
    private static let draft = #"{"name":"Federation","description":""}"#

    @Test(
        "Invariant 10: a request whose outcome is not known can be sent again under its key, and has one effect",
        arguments: [UnreliableDatabase.Fault.lost, .forgotten])
    func unknownOutcome(fault: UnreliableDatabase.Fault) async throws {
        let database = UnreliableDatabase(try await TestDatabase.open())
        try await TestService.run(database: database) { service in
            let before = try await service.end
            let headers = ["Idempotency-Key": "one-key-for-a-test"]
            database.fail(next: fault)
            let first = try await service.send("POST", "/federations", Self.draft, headers: headers)
            first.expectProblem(503, "outcome_unknown", "\(fault)")
            #expect(first.headers["retry-after"] != nil)
            let second = try await service.send("POST", "/federations", Self.draft, headers: headers)
            #expect(second.status == 201, "\(second.body)")
            #expect((second.headers["idempotency-replayed"] == "true") == (fault == .forgotten))
            #expect(try await service.end == before + 1)
            let list = try await service.ok("GET", "/federations").rows("federations")
            #expect(list.map { $0.text("federation_id") } == [second.text("federation_id")])
        }
    }

    @Test(
        "Invariant 15: a refused commit leaves nothing, and the answer says so",
        arguments: [
            (UnreliableDatabase.Fault.unreachable, 503, "storage_unavailable"), (.full, 507, "storage_full"),
            (.broken, 500, "internal_error"),
        ])
    func refusedCommit(fault: UnreliableDatabase.Fault, status: Int, code: String) async throws {
        let database = UnreliableDatabase(try await TestDatabase.open())
        try await TestService.run(database: database) { service in
            let before = try await service.end
            // A batch that failed is tried once more, each command alone.
            database.fail(next: fault, times: 2)
            let reply = try await service.send("POST", "/federations", Self.draft)
            reply.expectProblem(status, code, "\(fault)")
            #expect(!reply.body.contains("SQL") && !reply.body.contains("disk"))
            database.fail(next: fault, times: 0)
            #expect(try await service.end == before)
            #expect(try await service.ok("GET", "/federations").rows("federations").isEmpty)
            try await service.ok("POST", "/federations", Self.draft)
        }
    }

    private static let seeds = Effort.seeds(3, slow: 60)

    @Test(
        "Invariant 10: under any faults, a client that repeats each request until it is answered has each effect once")
    func persistentClient() async throws {
        for seed in Generator.seeds(Self.seeds) {
            let database = UnreliableDatabase(try await TestDatabase.open())
            try await TestService.run(database: database) { service in
                var random = Generator(seed: seed)
                var made: [Int: String] = [:]
                for _ in 0..<40 {
                    let number = Int(random.int(in: 0...15))
                    if random.chance(50) { database.fail(next: random.pick(UnreliableDatabase.Fault.allCases)) }
                    let id = try await Self.persist(service, number)
                    #expect(made[number] ?? id == id, "seed \(seed): key \(number) had two effects")
                    made[number] = id
                }
                let found = try await service.ok("GET", "/federations?page_size=1000").rows("federations")
                #expect(Set(found.map { $0.text("federation_id") }) == Set(made.values), "seed \(seed)")
                #expect(found.count == made.count, "seed \(seed)")
            }
        }
    }

    /// Sends a request until it is answered, and gives the id of what it made.
    private static func persist(_ service: TestService, _ number: Int) async throws -> String {
        for _ in 0..<5 {
            let reply = try await service.send(
                "POST", "/federations", #"{"name":"Number \#(number)"}"#,
                headers: ["Idempotency-Key": "the-key-of-number-\(number)"])
            if reply.status == 201 { return reply.text("federation_id") }
            #expect(reply.status >= 500, "\(reply.body)")
        }
        throw TestError.unanswered
    }

    private enum TestError: Error { case unanswered }
}

/// A real database, some commits of which fail, or succeed without saying so.
final class UnreliableDatabase: SQLDatabase {
    enum Fault: CaseIterable {
        /// Nothing was written, and nobody knows.
        case lost
        /// Everything was written, and nobody knows.
        case forgotten
        case unreachable, full, broken

        fileprivate var error: StoreError {
            switch self {
            case .lost, .forgotten: .outcomeUnknown("the connection was lost")
            case .unreachable: .unavailable("no connection")
            case .full: .full
            case .broken: .failed("SQL logic error")
            }
        }
    }

    private let inner: any SQLDatabase
    private let faults = Mutex<(next: Fault, times: Int)>((.lost, 0))

    init(_ inner: any SQLDatabase) { self.inner = inner }

    /// The next commits of events fail so.
    func fail(next fault: Fault, times: Int = 1) { faults.withLock { $0 = (fault, times) } }

    private func takeFault() -> Fault? {
        faults.withLock { faults in
            guard faults.times > 0 else { return nil }
            faults.times -= 1
            return faults.next
        }
    }

    var dialect: Dialect { inner.dialect }

    func commit(_ batch: [SQL]) async throws(StoreError) {
        // What merely asks whether the writer still decides, and what sinks store, has other faults.
        let fault = batch.contains { $0.name.description == "events.insert" } ? takeFault() : nil
        if fault == nil || fault == .forgotten { try await inner.commit(batch) }
        if let fault { throw fault.error }
    }

    func read(_ queries: [SQL], within scope: RowScope?) async throws(StoreError) -> [[SQLRow]] {
        try await inner.read(queries, within: scope)
    }
    func find(_ query: SQL) async throws(StoreError) -> [SQLRow] { try await inner.find(query) }
    func close() async { await inner.close() }
}
