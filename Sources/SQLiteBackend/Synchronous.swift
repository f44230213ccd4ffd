/// When the engine waits for the disk.
package enum Synchronous: Int64, Sendable {
    /// Never serve with this: a commit returns before the log reached the disk, and power loss takes it back.
    /// It exists so that the power-loss test can show that it would notice.
    case normal = 1
    /// A commit returns when the log is on the disk.
    case full = 2
}
