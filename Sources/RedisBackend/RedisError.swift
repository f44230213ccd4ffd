/// Why the server cannot be used: a sentence for those who run the service. None holds a password.
package enum RedisError: Error, Equatable, CustomStringConvertible {
    /// What went wrong at each address, in the order in which they were tried.
    case unreachable([String])
    case wrongPassword
    case passwordMissing
    case tooOld(String)
    /// What the user may not do, in the server's words.
    case notPermitted(String)
    case noMaster(String)
    case isCluster
    case isSentinel
    case isReplica
    case untrusted(String)
    case timedOut
    case closed
    /// Too much waits for an answer already.
    case overloaded
    case malformed
    /// An error that the server answered.
    case refused(String)

    package var description: String {
        switch self {
        case .unreachable(let reasons): "no server can be used: \(reasons.joined(separator: "; "))"
        case .wrongPassword: "the server refuses REDIS_USERNAME or REDIS_PASSWORD"
        case .passwordMissing: "the server asks for a password; set REDIS_PASSWORD"
        case .tooOld(let version): "the server is \(version); Redis 6 or newer is needed"
        case .notPermitted(let text): "the user lacks a permission: \(text)"
        case .noMaster(let name): "no Sentinel knows a master of the name \(name)"
        case .isCluster: "the server is a node of a cluster; a single master, or Sentinels, are needed"
        case .isSentinel: "the server is a Sentinel; write it in REDIS_SENTINELS"
        case .isReplica: "the server is a replica"
        case .untrusted(let reason): "TLS failed: \(reason)"
        case .timedOut: "the server does not answer in time"
        case .closed: "there is no connection"
        case .overloaded: "too many commands wait for an answer"
        case .malformed: "the answer is not one of a Redis"
        case .refused(let text): "the server answered: \(text)"
        }
    }

    /// Texts of the server go to the log: a line of it at most.
    private static let textMax = 200

    /// The error that a reply is; nil for any other reply.
    init?(_ reply: Reply) {
        guard case .error(let text) = reply else { return nil }
        let line = String(text.prefix { !$0.isNewline }.prefix(Self.textMax))
        self =
            switch text.prefix(while: { $0 != " " }) {
            case "WRONGPASS": .wrongPassword
            case "NOAUTH": .passwordMissing
            case "NOPERM": .notPermitted(String(line.dropFirst("NOPERM ".count)))
            case "READONLY": .isReplica
            case "MOVED", "CROSSSLOT", "CLUSTERDOWN": .isCluster
            // Before Redis 7 what a script is refused is wrapped in an error of the script.
            default: text.contains("-READONLY ") ? .isReplica : .refused(line)
            }
    }
}
