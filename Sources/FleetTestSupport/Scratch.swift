import Foundation

/// A new directory for one test, removed with what is in it.
package final class Scratch: Sendable {
    package let path: String

    package init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("scratch-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The names of the files that hold `text`, as bytes, anywhere.
    package func files(holding text: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).sorted().filter { name in
            let bytes = FileManager.default.contents(atPath: path + "/" + name) ?? Data()
            return bytes.firstRange(of: Data(text.utf8)) != nil
        }
    }
}
