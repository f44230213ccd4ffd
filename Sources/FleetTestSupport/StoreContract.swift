package import FleetStore

/// What every `SQLDatabase` must do, as named checks to be run one by one on each engine.
///
/// A check makes its own database and its own scratch tables, whose names begin with `contract_`, and closes it.
/// No two checks share a table, so that they may run at once on one server.
package struct StoreContract: Sendable {
    private let makeDatabase: @Sendable () async throws -> any SQLDatabase

    /// - Parameter makeDatabase: opens a database that no other check closes.
    package init(makeDatabase: @escaping @Sendable () async throws -> any SQLDatabase) {
        self.makeDatabase = makeDatabase
    }

    /// One promise of the port.
    package struct Check: Sendable, CustomStringConvertible {
        package let description: String
        let body: @Sendable (any SQLDatabase) async throws -> Void

        init(_ description: String, _ body: @escaping @Sendable (any SQLDatabase) async throws -> Void) {
            self.description = description
            self.body = body
        }
    }

    package static let checks = values + batches + reads + endings

    /// - Throws: `ContractViolation` when the engine does otherwise, else what the engine threw.
    package func run(_ check: Check) async throws {
        let database = try await makeDatabase()
        do {
            try await check.body(database)
        } catch {
            await database.close()
            throw error
        }
        await database.close()
    }
}

// MARK: What the checks are written with

extension StoreContract {
    static func expect(_ claim: Bool, _ otherwise: @autoclosure () -> String) throws(ContractViolation) {
        if !claim { throw ContractViolation(otherwise()) }
    }

    static func expectEqual<Value: Equatable>(
        _ found: Value, _ wanted: Value, _ what: String
    ) throws(ContractViolation) {
        try expect(found == wanted, "\(what): \(found), not \(wanted)")
    }

    /// The store's error of a call that must fail.
    static func failure(
        of what: String, _ body: () async throws(StoreError) -> Void
    ) async throws(ContractViolation) -> StoreError {
        do {
            try await body()
        } catch {
            return error
        }
        throw ContractViolation("\(what) did not fail")
    }

    static func expectConflict(
        _ what: String, _ body: () async throws(StoreError) -> Void
    ) async throws(ContractViolation) {
        let error = try await failure(of: what, body)
        guard case .conflict(let constraint) = error, !constraint.isEmpty else {
            throw ContractViolation("\(what): \(error), not a named conflict")
        }
    }

    static func expectUnavailable(
        _ what: String, _ body: () async throws(StoreError) -> Void
    ) async throws(ContractViolation) {
        let error = try await failure(of: what, body)
        guard case .unavailable = error else { throw ContractViolation("\(what): \(error), not unavailable") }
    }

    static func count(_ query: SQL, in database: any SQLDatabase) async throws -> Int64 {
        guard let row = try await database.find(query).first else {
            throw ContractViolation("\(query.name) has no row")
        }
        return try row.integer(0)
    }
}
