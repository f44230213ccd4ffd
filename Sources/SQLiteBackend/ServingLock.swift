import FleetStore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Says that this process alone serves a file.
///
/// It is an flock(2) on a file of its own, not one of SQLite's locks, so that other programs may still read
/// the database. flock belongs to the open file: a second open in this process is refused as well, and the
/// kernel releases it however the process ends. The lock file stays when the lock goes: removing it would
/// let two processes lock two files of one name.
final class ServingLock: Sendable {
    private let descriptor: Int32

    /// - Throws: `.unavailable` when somebody else has it, or the file cannot be made.
    init(for path: String) throws(StoreError) {
        let lockPath = Self.resolved(path) + ".lock"
        descriptor = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .unavailable("\(lockPath) cannot be opened: \(String(cString: strerror(errno)))")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let reason = errno
            close(descriptor)
            guard reason == EWOULDBLOCK else {
                throw .unavailable("\(lockPath) cannot be locked: \(String(cString: strerror(reason)))")
            }
            throw .unavailable("\(path) is in use by another process")
        }
    }

    deinit { close(descriptor) }

    /// The file that a symbolic link leads to: two names of one file have one lock.
    private static func resolved(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }
}
