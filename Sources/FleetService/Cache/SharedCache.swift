/// What the processes on one database share besides it: a memory that may be lost, late or gone at any moment.
///
/// **Never the truth.** Whoever asks must be right with every answer that this may give, and can check what it is given:
/// values are sealed by who keeps them (`CacheSeal`), and carry the version that says for how long they hold
/// (`ChangeIndex`). So nothing here throws or is waited for long: what cannot be had is not there.
package protocol SharedCache: Sendable {
    /// What is kept under each of the names; nil for what is not there, or cannot be had soon.
    func values(_ names: [String]) async -> [CachedValue?]

    /// Keeps a value for at most `lifetime`, unless one of the same or a newer version is there. It is not waited for, and
    /// may not happen.
    ///
    /// - Parameter replaces: whatever is there goes, because it is of no use.
    func keep(_ value: CachedValue, as name: String, for lifetime: Duration, replaces: Bool)

    /// Grows whenever something that was to be kept may not have been.
    var losses: UInt64 { get }

    /// Adds to a counter, which begins at 0 and is forgotten `window` after it began.
    ///
    /// Among all who share it no two additions see the same count. When it cannot be reached each process counts alone.
    func count(_ name: String, adding amount: Int64, window: Duration) async -> WindowCount

    /// Tells every process that a credential was revoked, so that none goes by what it remembers.
    func announceRevocation()

    /// Grows with each announcement, and whenever one may have been missed.
    var revocations: UInt64 { get }
}

/// A value with its version: a position of the log or a time, not negative, and newer is higher.
package struct CachedValue: Sendable, Equatable {
    package let version: Int64
    package let bytes: [UInt8]

    package init(version: Int64, bytes: [UInt8]) {
        precondition(version >= 0, "a version is a position of the log or a time")
        self.version = version
        self.bytes = bytes
    }
}

/// How far a counter is.
package struct WindowCount: Sendable, Equatable {
    package let count: Int64
    /// Until it begins anew.
    package let remaining: Duration

    package init(count: Int64, remaining: Duration) {
        self.count = count
        self.remaining = remaining
    }
}
