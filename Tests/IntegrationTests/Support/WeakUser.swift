import Foundation

/// A user of a fresh PostgreSQL database that may connect to it, and nothing else.
struct WeakUser {
    let database: ScratchPostgres
    let name = "weak_\(UInt32.random(in: 0 ... .max))"
    /// With its password.
    let url: String

    init() async throws {
        database = try await ScratchPostgres()
        var address = URLComponents(string: database.url)
        let password = "made-\(UInt64.random(in: 0 ... .max))"
        address?.user = name
        address?.password = password
        url = address?.string ?? ""
        try await database.execute("CREATE ROLE \(name) LOGIN PASSWORD '\(password)'")
    }

    func drop() async { await database.drop(with: name) }
}
