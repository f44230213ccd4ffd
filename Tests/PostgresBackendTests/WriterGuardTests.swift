import CPostgres
import FleetDomain
import FleetStore
import FleetTestSupport
import Testing

/// The guard with which each batch of the writer begins.
@Suite("The guard of the writer's batches", .enabled(if: TestDatabase.postgresURL != nil))
struct WriterGuardTests {
    private func withSeat(_ body: (Store, WriterSeat) async throws -> Void) async throws {
        let store = Store(database: try await TestDatabase.openOnPostgres())
        _ = try await store.migrate(now: Timestamp(milliseconds: 0))
        let seat = try await store.claimSeat(holder: "one", url: "http://one", for: 60)
        #expect(seat.holder == "one" && seat.isHeld)
        try await body(store, seat)
        await store.database.close()
    }

    private func guarded(_ epoch: Int64, _ end: Int64) -> [SQL] {
        [
            SQL("test.guard", "SELECT guard_writer(\(epoch), \(end))"),
            SQL("test.change", "UPDATE writer SET url = 'http://changed'"),
        ]
    }

    @Test("lets the elected writer pass, and fails the whole batch of any other")
    func epoch() async throws {
        try await withSeat { store, seat in
            for other in [seat.epoch - 1, seat.epoch + 1] {
                let error = await #expect(throws: StoreError.self) {
                    try await store.database.commit(guarded(other, 0))
                }
                guard case .superseded = error else {
                    Issue.record("\(error as Any)")
                    return
                }
                let found = try await store.writerSeat()
                #expect(found.url == "http://one")
            }
            try await store.database.commit(guarded(seat.epoch, 0))
            let found = try await store.writerSeat()
            #expect(found.url == "http://changed")
        }
    }

    @Test(
        "fails the batch of a writer for which the log ends elsewhere, as after a fail-over to a standby that was behind"
    )
    func logEnd() async throws {
        try await withSeat { store, seat in
            let error = await #expect(throws: StoreError.self) {
                try await store.database.commit(guarded(seat.epoch, 5))
            }
            guard case .superseded = error else {
                Issue.record("\(error as Any)")
                return
            }
            let found = try await store.writerSeat()
            #expect(found.url == "http://one")
        }
    }

    @Test(
        "lets no place of a sink, and no tile of the audit tree, be stored for another, or on a server that is not the log's"
    )
    func besideTheLog() async throws {
        try await withSeat { store, seat in
            let tile = AuditTile(level: 0, number: 0, hashes: Array(repeating: 1, count: 32))
            func isStored(_ epoch: Int64) async throws -> [Bool] {
                var stored: [Bool] = []
                for act in [
                    { () async throws in try await store.keep([], of: .kafka, upTo: 100, epoch: epoch) },
                    { () async throws in try await store.keep([tile], epoch: epoch) },
                    { () async throws in try await store.retire(.analytics, at: VirtualClock.start, epoch: epoch) },
                ] {
                    do {
                        try await act()
                        stored.append(true)
                    } catch StoreError.superseded { stored.append(false) }
                }
                return stored
            }
            #expect(try await isStored(seat.epoch - 1) == [false, false, false])
            try await store.beginTimeline(epoch: seat.epoch)
            let carriedOn = SQL("test.elsewhere", "UPDATE log_timelines SET server = 'another'")
            try await store.database.commit([carriedOn])
            #expect(try await isStored(seat.epoch) == [false, false, false])
            #expect(try await store.cursor(of: .kafka) == nil)
            #expect(try await store.auditTreeSize() == 0)
            try await store.beginTimeline(epoch: seat.epoch)
            #expect(try await isStored(seat.epoch) == [true, true, true])
            #expect(try await store.cursor(of: .kafka) == 100)
        }
    }

    @Test(
        "is renewed, and the end of the log is told, while callers' reads and what sinks keep hold every connection that is theirs"
    )
    func urgent() async throws {
        try await withSeat { store, seat in
            let nap = SQL("test.nap", "SELECT CAST(1 AS BIGINT) FROM pg_sleep(2)")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask { _ = try await store.database.read(nap) }
                    // What sinks keep, of which there may be thousands.
                    group.addTask { try await store.database.commit([nap.deferrable]) }
                }
                try await Task.sleep(for: .milliseconds(200))
                let begin = ContinuousClock.now
                let renewed = try await store.claimSeat(holder: "one", url: "http://one", for: 60)
                _ = try await store.logEnd()
                _ = try await store.replication()
                _ = try await store.database.find(.ping)
                #expect(renewed.epoch == seat.epoch)
                // Behind the naps of others it would be eight seconds.
                #expect(ContinuousClock.now - begin < .seconds(4))
                group.cancelAll()
            }
        }
    }

    @Test("is taken by another where who held it stopped in the middle of sending a batch")
    func stalled() async throws {
        try await withSeat { store, _ in
            let rows = try await store.database.find(SQL("test.schema", "SELECT current_setting('search_path')"))
            let schema = try #require(try rows.first?.text(0))
            // A session that has sent the beginning of a batch, of which it is never told that it is whole.
            let session = PQconnectdb(TestDatabase.postgresURL)
            defer { PQfinish(session) }
            PQclear(PQexec(session, "SET search_path TO \"\(schema)\""))
            let seat = try await store.claimSeat(holder: "one", url: "http://one", for: 2)
            #expect(PQenterPipelineMode(session) == 1)
            for statement in ["BEGIN", "SELECT guard_term(\(seat.epoch))"] {
                #expect(PQsendQueryParams(session, statement, 0, nil, nil, nil, nil, 0) == 1)
            }
            #expect(PQsendFlushRequest(session) == 1 && PQflush(session) == 0)
            for status in [PGRES_COMMAND_OK, PGRES_TUPLES_OK] {
                let result = PQgetResult(session)
                #expect(PQresultStatus(result) == status)
                PQclear(result)
                #expect(PQgetResult(session) == nil)
            }
            let begin = ContinuousClock.now
            let end = begin + .seconds(10)
            while try await store.writerSeat().isHeld, ContinuousClock.now < end {}
            while PQconsumeInput(session) == 1, ContinuousClock.now < end { try await store.endStalledBatches() }
            let taken = try await store.claimSeat(holder: "two", url: "http://two", for: 60)
            #expect(taken.holder == "two" && taken.epoch > seat.epoch)
        }
    }

    @Test("is of a higher epoch after each election, and nobody is elected while another's time is not over")
    func election() async throws {
        try await withSeat { store, seat in
            let refused = try await store.claimSeat(holder: "two", url: "http://two", for: 60)
            #expect(refused.holder == "one" && refused.epoch == seat.epoch)
            try await store.leaveSeat(holder: "one")
            let taken = try await store.claimSeat(holder: "two", url: "http://two", for: 60)
            #expect(taken.holder == "two" && taken.epoch > seat.epoch)
            await #expect(throws: StoreError.self) { try await store.confirmWriter(seat.epoch, logEnd: 0) }
            try await store.confirmWriter(taken.epoch, logEnd: 0)
        }
    }
}
