import Foundation
import Testing

@Suite("A full disk under the running service")
struct DiskFullTests {
    /// A fresh database with its log and its shared memory takes about 250 KB.
    private static let ballast = 300_000

    @Test("answers writes with 507, goes on reading, and heals without a restart")
    func fullDisk() async throws {
        let directory = try ScratchDirectory()
        _ = try await SmallDisk.with(mebibytes: 1, ballast: Self.ballast) { disk in
            let settings = ["DATA_DIR": disk.path, "ADMIN_API_KEY": String(repeating: "k", count: 40)]
            let service = try await ServiceProcess.start(in: directory, settings)
            let (created, refusal) = try await SmallDisk.fill(service)
            #expect(!created.isEmpty)
            #expect(refusal.status == 507)
            #expect(refusal.code == "storage_full")
            #expect(refusal.headers["content-type"] == "application/problem+json")

            #expect(try await Set(service.federationNames()) == Set(created))
            #expect(try await service.send("GET", "//health").status == 200)
            let again = try await service.create("again", idempotencyKey: "the-key-of-again", description: filler)
            #expect(again.code == "storage_full")

            try disk.free()
            let healed = try await service.create("again", idempotencyKey: "the-key-of-again", description: filler)
            #expect(healed.status == 201, "\(healed.text)")
            #expect(healed.headers["idempotency-replayed"] == nil)
            #expect(try await service.stop() == .exited(0))

            let later = try await ServiceProcess.start(in: directory, settings)
            #expect(try await Set(later.federationNames()) == Set(created + ["again"]))
            #expect(try await later.stop() == .exited(0))
        }
    }

    private let filler = String(repeating: "d", count: 1000)
}
