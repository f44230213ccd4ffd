import FleetJSON

/// A checkpoint that was kept where nobody who can write to the database could change it.
package struct TrustedCheckpoint: Sendable {
    package let note: CheckpointNote
    package let key: CheckpointKey

    /// - Parameters:
    ///   - text: what `/audit-log/checkpoint` answered, or its note alone.
    ///   - publicKey: that checks the signature, in base64; nil is the one in the answer.
    package init(_ text: String, publicKey: String?) throws(TrustedCheckpointError) {
        let answer = (try? JSON.parse(text))?.objectValue
        guard let note = CheckpointNote(answer?["note"]?.stringValue ?? text) else { throw .unreadable }
        guard let key = publicKey ?? answer?["public_key"]?.stringValue else { throw .keyMissing }
        guard let key = CheckpointKey(key) else { throw .keyUnreadable }
        guard note.isSigned(by: key) else { throw .notSigned }
        self.note = note
        self.key = key
    }
}

/// Why nothing can be checked against a file.
package enum TrustedCheckpointError: Error, Equatable {
    /// It holds no checkpoint.
    case unreadable
    /// It is a note without the key that checks it.
    case keyMissing
    case keyUnreadable
    /// The key did not sign it.
    case notSigned
}
