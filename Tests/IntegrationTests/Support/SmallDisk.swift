import Foundation
import Testing

/// A file system in memory that fills up soon.
struct SmallDisk: Sendable {
    let path: String
    private var ballast: String { path + "/ballast" }

    /// Mounts one for as long as `body` takes; nil, with the reason printed, where that is not permitted.
    ///
    /// - Parameter ballast: bytes that are taken from the beginning, until `free`.
    static func with<Result: Sendable>(
        mebibytes: Int, ballast: Int, _ body: (SmallDisk) async throws -> Result
    ) async throws -> Result? {
        let place = try ScratchDirectory()
        let path = place.path + "/disk"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let mounting = try await ChildProcess.run(
            "mount", ["-t", "tmpfs", "-o", "size=\(mebibytes)m", "tmpfs", path], in: place.path)
        guard mounting.status == .exited(0) else {
            print("SKIPPED: a full disk takes a mounted tmpfs, which takes root: \(mounting.errors.trimmed)")
            try #require(ProcessInfo.processInfo.environment["CI"] == nil, "what a merge requires is never skipped")
            return nil
        }
        let disk = SmallDisk(path: path)
        do {
            try Data(count: ballast).write(to: URL(filePath: disk.ballast))
            let result = try await body(disk)
            try await unmount(path, place)
            return result
        } catch {
            try await unmount(path, place)
            throw error
        }
    }

    /// Lazily: a service that a failed test leaves behind may still have it open.
    private static func unmount(_ path: String, _ place: ScratchDirectory) async throws {
        _ = try await ChildProcess.run("umount", ["--lazy", path], in: place.path)
    }

    /// Makes room.
    func free() throws { try FileManager.default.removeItem(atPath: ballast) }

    /// Creates federations until one is refused for want of space.
    static func fill(_ service: ServiceProcess) async throws -> (created: [String], refusal: Reply) {
        let description = String(repeating: "d", count: 1000)
        var created: [String] = []
        while created.count < 10_000 {
            let name = "fill-\(created.count)"
            let reply = try await service.create(name, description: description)
            guard reply.status == 201 else { return (created, reply) }
            created.append(name)
        }
        throw TimedOut(description: "the disk did not fill up")
    }
}
