import CSQLite
import FleetStore

extension SQLiteConnection {
    /// Other programs hold locks for moments only: a checkpoint, a recovery, an sqlite3 shell.
    private static let busyTimeoutMilliseconds: Int32 = 250

    /// Makes this the connection that writes a file, and checks that its commits are durable.
    func configureAsWriter(_ synchronous: Synchronous) throws(StoreError) {
        try configure()
        try execute(SQL("sqlite.journal_mode", "PRAGMA journal_mode = WAL"))
        // After the switch to WAL, which may reset it; hence also the look at what it is in the end.
        try set(synchronous)
        let settings = try settings()
        guard settings.synchronous == synchronous.rawValue, settings.journalMode == "wal" else {
            throw .unavailable(
                "commits would not be durable: journal \(settings.journalMode), synchronous \(settings.synchronous)")
        }
        try execute(SQL("sqlite.writer_cache", "PRAGMA cache_size = -131072"))
        // A log that grew behind a long reader is cut back to this, 64 MiB, when it starts over.
        try execute(SQL("sqlite.log_limit", "PRAGMA journal_size_limit = 67108864"))
        countLogPages()
    }

    /// Makes this a connection that reads a file.
    func configureAsReader() throws(StoreError) {
        try configure()
        try execute(SQL("sqlite.reader_cache", "PRAGMA cache_size = -8192"))
        try execute(SQL("sqlite.query_only", "PRAGMA query_only = ON"))
        // Finds out now, not at the first query, that this is no database.
        _ = try rows(SQL("sqlite.schema_version", "PRAGMA schema_version"))
    }

    /// What every connection has in common.
    func configure() throws(StoreError) {
        setBusyTimeout(milliseconds: Self.busyTimeoutMilliseconds)
        try execute(SQL("sqlite.foreign_keys", "PRAGMA foreign_keys = ON"))
        try execute(SQL("sqlite.trusted_schema", "PRAGMA trusted_schema = OFF"))
        // Overwriting what is deleted would write pages twice; Debian's SQLite does it unless told.
        try execute(SQL("sqlite.secure_delete", "PRAGMA secure_delete = OFF"))
    }

    func overwriteWhatIsDeleted() throws(StoreError) {
        try execute(SQL("sqlite.secure_delete_on", "PRAGMA secure_delete = ON"))
    }

    func settings() throws(StoreError) -> SQLiteSettings {
        SQLiteSettings(
            journalMode: try text(SQL("sqlite.get_journal_mode", "PRAGMA journal_mode")),
            synchronous: try integer(SQL("sqlite.get_synchronous", "PRAGMA synchronous")),
            foreignKeys: try integer(SQL("sqlite.get_foreign_keys", "PRAGMA foreign_keys")) == 1,
            secureDelete: try integer(SQL("sqlite.get_secure_delete", "PRAGMA secure_delete")) != 0,
            trustedSchema: try integer(SQL("sqlite.get_trusted_schema", "PRAGMA trusted_schema")) == 1,
            pageCacheKiB: -(try integer(SQL("sqlite.get_cache_size", "PRAGMA cache_size"))),
            journalSizeLimit: try integer(SQL("sqlite.get_log_limit", "PRAGMA journal_size_limit")))
    }

    private func set(_ synchronous: Synchronous) throws(StoreError) {
        switch synchronous {
        case .full: try execute(SQL("sqlite.synchronous", "PRAGMA synchronous = FULL"))
        case .normal: try execute(SQL("sqlite.synchronous", "PRAGMA synchronous = NORMAL"))
        }
    }

    private func text(_ query: SQL) throws(StoreError) -> String { try answer(query).text(0) }

    private func integer(_ query: SQL) throws(StoreError) -> Int64 { try answer(query).integer(0) }

    private func answer(_ query: SQL) throws(StoreError) -> SQLRow {
        guard let row = try rows(query, isSetting: true).first else { throw .failed("\(query.name) has no answer") }
        return row
    }
}
