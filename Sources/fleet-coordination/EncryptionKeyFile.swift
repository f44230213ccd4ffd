import FleetService
import Foundation

/// The key that wraps the data keys, where the operator has not named one.
enum EncryptionKeyFile {
    static func path(in directory: String) -> String { directory + "/encryption-key" }

    /// Reads the key, or makes it on a first start.
    ///
    /// - Throws: `VaultError.wrongKey` when there are data keys, and it is not here.
    static func establish(
        in directory: String, isFirst: Bool
    ) throws -> (key: KeyEncryptionKey, isNew: Bool) {
        let path = path(in: directory)
        if FileManager.default.fileExists(atPath: path) {
            return (try Settings.encryptionKey(inFile: path, named: path), false)
        }
        guard isFirst else { throw VaultError.wrongKey }
        let key = KeyEncryptionKey.make()
        let draft = path + "." + UUID().uuidString
        try Secret.write(key.text, to: draft)
        defer { unlink(draft) }
        // Of several that start first in one directory, all go by the key of one.
        if link(draft, path) == 0 { return (key, true) }
        if errno == EEXIST { return (try Settings.encryptionKey(inFile: path, named: path), false) }
        // A file system without links.
        guard rename(draft, path) == 0 else { throw SettingsError("DATA_DIR", "cannot be written to") }
        return (key, true)
    }
}

/// A file that only its owner reads.
enum Secret {
    /// Durable when it returns: what is wrapped by a key must not outlive it.
    static func write(_ text: String, to path: String) throws {
        let bytes = Array((text + "\n").utf8)
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw SettingsError("DATA_DIR", "cannot be written to") }
        defer { close(file) }
        let count = bytes.withUnsafeBytes { Foundation.write(file, $0.baseAddress, $0.count) }
        guard fchmod(file, 0o600) == 0, count == bytes.count, fsync(file) == 0 else {
            throw SettingsError("DATA_DIR", "cannot be written to")
        }
    }
}
