import FleetStore

extension Store {
    static let superuserWarning =
        "DATABASE_URL names a superuser; name a user that owns nothing but this database"

    /// No privilege of the database binds a superuser: what lists are read by is all that is left of them.
    var isOfSuperuser: Bool {
        get async throws(StoreError) {
            guard isShared else { return false }
            return try await database.postgresFacts().isSuperuser
        }
    }
}
