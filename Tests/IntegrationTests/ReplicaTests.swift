import FleetJSON
import FleetTestSupport
import Foundation
import Synchronization
import Testing

/// Three replicas on one PostgreSQL, which `make test-integration` starts.
@Suite("Replicas", .enabled(if: TestDatabase.postgresURL != nil), .serialized, .timeLimit(.minutes(4)))
struct ReplicaTests {
    @Test(
        "Killed one after the other under load, they lose nothing acknowledged, promise nothing twice and skip no event"
    )
    func killedUnderLoad() async throws {
        let directory = try ScratchDirectory()
        let receiver = try await ScriptedServer("receiver", in: directory)
        let set = try await ReplicaSet(count: 3, ["WEBHOOK_ALLOW_PRIVATE": "true"])
        let lending = try await Lending(on: set.replicas[0])
        let webhook = try await set.replicas[0].send(
            "POST", "/webhooks",
            #"{"url":"http://\#(receiver.address)/","fleet_id":"lender","event_types":["sharing.granted"]}"#)
        let log = Log()
        log.aim(at: set.replicas)
        // One at each, so that each kill cuts one of them off.
        let followers = set.replicas.map { _ in EventFollower() }
        let following = Task {
            await withTaskGroup(of: Void.self) { group in
                for (index, follower) in followers.enumerated() {
                    group.addTask { await follower.run { log.replica(index + $0) } }
                }
            }
        }
        defer { following.cancel() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in 0..<6 {
                group.addTask {
                    for number in 0... {
                        guard let replica = log.replica(client + number) else { return }
                        await log.book(lending, on: replica, as: "book-\(client)-\(number)")
                    }
                }
            }
            // Else a failure would wait for the load.
            defer { log.aim(at: []) }
            for _ in 0..<3 {
                try await log.grow(by: 40)
                let index = try await set.writer()
                try await set.replicas[index].kill()
                let begin = ContinuousClock.now
                try await log.grow(by: 1)
                let pause = ContinuousClock.now - begin
                print("another decided \(pause) after the writer was killed")
                #expect(pause < .seconds(5))
                try await set.replace(index)
                log.aim(at: set.replicas)
            }
        }
        let events = try await check(log, on: set)
        log.aim(at: set.replicas)
        for follower in followers {
            _ = try await eventually("the stream to come to the end of the log") {
                follower.ids.count >= events.count ? true : nil
            }
            #expect(Array(follower.ids.prefix(events.count)) == events)
        }
        #expect(followers.map(\.cuts).reduce(0, +) >= 3)
        // Nor does the place of the sink skip one.
        let writer = set.replicas[try await set.writer()]
        let granted = try await texts("id", of: "events", on: writer) {
            "/events?types=sharing.granted&limit=1000&after=\($0 ?? "0")"
        }
        #expect(granted.count >= log.acknowledged.count)
        let webhookID = try #require(webhook["webhook_id"]?.stringValue, "\(webhook.text)")
        _ = try await eventually("each to be pushed", every: .seconds(1)) {
            let taken = try await texts("event_id", of: "deliveries", on: writer) {
                "/webhooks/\(webhookID)/deliveries?status=delivered&page_size=1000"
                    + ($0.map { "&page_token=\($0)" } ?? "")
            }
            return taken.isSuperset(of: granted) ? true : nil
        }
        following.cancel()
        try await set.stop()
    }

    /// A member of each row of a list, to its end.
    ///
    /// - Parameter path: of the first page, and of the one after it.
    private func texts(
        _ member: String, of list: String, on replica: ServiceProcess, _ path: (String?) -> String
    ) async throws -> Set<String> {
        var (found, next): (Set<String>, String?) = ([], nil)
        repeat {
            let page = try await replica.send("GET", path(next))
            #expect(page.status == 200, "\(page.text)")
            let rows = page[list]?.arrayValue?.compactMap(\.objectValue) ?? []
            found.formUnion(rows.compactMap { $0[member]?.stringValue })
            next = rows.isEmpty ? nil : (page["next_page_token"] ?? page["next_after"])?.stringValue
        } while next != nil
        return found
    }

    @Test("A writer that was frozen and thaws can store nothing, and says nothing that is stale")
    func frozen() async throws {
        let set = try await ReplicaSet(count: 2)
        let lending = try await Lending(on: set.replicas[0])
        let frozen = try await set.writer()
        let other = set.replicas[1 - frozen]
        let log = Log()
        await log.book(lending, on: other, as: "before")

        set.replicas[frozen].child.send(SIGSTOP)
        let begin = ContinuousClock.now
        // Sent to the frozen one while it is frozen: its late batch.
        let late = Task { [replica = set.replicas[frozen]] in try? await replica.create("late") }
        let taken = try await eventually("another writer") {
            let reply = try await other.create("meanwhile", idempotencyKey: "meanwhile-meanwhile")
            return reply.status == 201 ? reply["federation_id"]?.stringValue : nil
        }
        #expect(ContinuousClock.now - begin < .seconds(6))
        let window = lending.window(day: 89, hour: 1)
        let booked = try await lending.ask(on: other, window)
        #expect(booked.status == 201, "\(booked.text)")
        // Much longer than an election holds.
        try await Task.sleep(for: .seconds(Effort.isThorough ? 60 : 5))

        set.replicas[frozen].child.send(SIGCONT)
        let thawed = set.replicas[frozen]
        // At first it may say that another decides, but never that the window is free.
        _ = try await eventually("the thawed one to follow") {
            let dryRun = try await thawed.send("POST", "/resource-sharing?dry_run=true", lending.request(window))
            #expect([409, 503].contains(dryRun.status), "\(dryRun.text)")
            return dryRun.status == 409 ? true : nil
        }
        #expect(try await thawed.send("GET", "/federations/\(taken)").status == 200)
        // It was told that nothing was changed, or it was forwarded: either is true.
        // Who has waited for half a minute has given up, and may find it done once.
        let answer = await late.value
        let count = try await other.federationNames().count { $0 == "late" }
        if let answer {
            #expect(count == (answer.status == 201 ? 1 : 0), "\(answer.text)")
        } else {
            #expect(Effort.isThorough && count <= 1)
        }
        try await check(log, on: set)
        try await set.stop()
    }

    @Test("A place in the log that one replica gives out is at once good on the others")
    func places() async throws {
        let set = try await ReplicaSet(count: 2)
        let writer = set.replicas[try await set.writer()]
        for number in 0..<20 {
            let made = try await writer.create("place \(number)")
            let position = try #require(made.headers["event-position"])
            for replica in set.replicas {
                let events = try await replica.send("GET", "/events?after=\(position)")
                #expect(events.status == 200, "\(events.text)")
            }
        }
        for replica in set.replicas {
            let refused = try await replica.send("GET", "/events?after=1000000")
            #expect(refused["code"]?.stringValue == "position_in_future", "\(refused.text)")
        }
        try await set.stop()
    }

    @Test("What is hidden and what is absent look alike at a follower, whatever the caller pretends")
    func hidden() async throws {
        let set = try await ReplicaSet(count: 2)
        let index = try await set.writer()
        let (writer, follower) = (set.replicas[index], set.replicas[1 - index])
        for fleet in ["own", "hidden"] {
            let made = try await writer.send(
                "POST", "/fleets", #"{"fleet_id":"\#(fleet)","name":"\#(fleet)","organization":"o"}"#)
            #expect(made.status == 201, "\(made.text)")
        }
        let key = try #require(
            try await writer.send(
                "POST", "/api-keys", #"{"name":"own","roles":["fleet_operator"],"fleet_ids":["own"]}"#)["key"]?
                .stringValue)
        for replica in [writer, follower] {
            for headers in [[:], ["Fleet-Forwarded": "1"]] {
                for method in ["GET", "HEAD"] {
                    // Names of one length, and ids that are given, so that the lengths are the same.
                    let headers = headers.merging(["X-Request-ID": "r"]) { $1 }
                    let hidden = try await replica.send(method, "/fleets/hidden", key: key, headers: headers)
                    let absent = try await replica.send(method, "/fleets/absent", key: key, headers: headers)
                    #expect(hidden.status == 404 && absent.status == 404, "\(hidden.status) \(absent.status)")
                    #expect(hidden.text == absent.text.replacing("absent", with: "hidden"))
                    #expect(hidden.headers == absent.headers && hidden.headers["x-request-id"] == "r")
                }
            }
        }
        let audit = try await writer.send("GET", "/audit-log?outcome=denied")
        #expect(audit["audit_records"]?.arrayValue?.isEmpty == false, "\(audit.text)")
        try await set.stop()
    }

    @Test("Data keys are not wrapped by another key while a replica would go on to wrap new ones by the old")
    func rewrap() async throws {
        let set = try await ReplicaSet(count: 1)
        let directory = try ScratchDirectory()
        let new = try directory.write(Data(repeating: 9, count: 32).base64EncodedString(), to: "new-key")
        let run = try await ServiceProcess.run(
            in: directory, ["DATABASE_URL": set.databaseURL, "ENCRYPTION_KEY_FILE": set.keyFile],
            ["keys", "rewrap", "--new-key-file", new])
        #expect(run.status != .exited(0) && run.errors.contains("is served by a replica"), "\(run)")
        try await set.stop()
    }

    @Test("A target is forwarded with all that it has")
    func target() async throws {
        let set = try await ReplicaSet(count: 2)
        let follower = set.replicas[1 - (try await set.writer())]
        _ = try await follower.send("POST", "/fleets", #"{"fleet_id":"kept","name":"kept","organization":"o"}"#)
        let connection = try RawConnection(port: follower.port)
        try connection.send(
            "DELETE \(ServiceProcess.base)/fleets/kept#more HTTP/1.1\r\nHost: a\r\n"
                + "Authorization: Bearer \(ReplicaSet.adminKey)\r\nConnection: close\r\n\r\n")
        #expect(connection.receiveToEnd().hasPrefix("HTTP/1.1 400 "))
        let fleet = try await follower.send("GET", "/fleets/kept")
        #expect(fleet["status"]?.stringValue == "active", "\(fleet.text)")
        try await set.stop()
    }

    @Test(
        "Another that decides counts the silence of a fleet on, where a Redis tells it when the fleet was heard",
        .enabled(if: ChildProcess.isRedisInstalled, "redis-tools is not installed"))
    func presence() async throws {
        let (directory, port) = (try ScratchDirectory(), ServiceProcess.sparePort())
        let redis = try ChildProcess.redis(in: directory, port: port, password: "told-among-replicas")
        let set = try await ReplicaSet(
            count: 2, ["REDIS_ADDR": "127.0.0.1:\(port)", "REDIS_PASSWORD": "told-among-replicas"])
        _ = try await Lending(on: set.replicas[0])
        let writer = try await set.writer()
        let follower = set.replicas[1 - writer]
        func isTold(_ type: String) async throws -> Bool {
            let events = try await follower.send("GET", "/events?types=presence.\(type)")
            return events["events"]?.arrayValue?.isEmpty == false
        }
        // Until then nothing is noted.
        _ = try await eventually("a Redis that is used") {
            try await set.replicas[writer].send("GET", "//health")["status"]?.stringValue == "healthy" ? true : nil
        }
        let interval = 10
        let beat = try await follower.send(
            "POST", "/fleets/lender/heartbeat", #"{"interval_seconds":\#(interval)}"#)
        #expect(beat.status == 200, "\(beat.text)")
        let heard = ContinuousClock.now
        #expect(try await isTold("reachable"))
        // Silence, of which the next is to know.
        try await Task.sleep(until: heard + .seconds(6))
        try await set.replicas[writer].kill()
        _ = try await eventually("the end of the interval", within: .seconds(30)) {
            try await isTold("unreachable") ? true : nil
        }
        let silence = ContinuousClock.now - heard
        print("silence was noticed after \(silence)")
        // Nobody hears until the election of the killed one is over; from there on it would be its interval again.
        #expect(silence >= .seconds(interval) && silence < .seconds(interval + 8))
        try await set.stop()
        withExtendedLifetime(redis) {}
    }

    @Test("What a fleet wrote is unreadable on every replica once its data was erased, also where it was read before")
    func erasure() async throws {
        let set = try await ReplicaSet(count: 2)
        let lending = try await Lending(on: set.replicas[0])
        let made = try await set.replicas[0].send(
            "POST", "/api-keys", #"{"name":"l","roles":["fleet_operator"],"fleet_ids":["lender"]}"#)
        let key = try #require(made["key"]?.stringValue)
        #expect(try await lending.say("to be forgotten", on: set.replicas[0]).status == 201)
        func isReadable(on replica: ServiceProcess) async throws -> Bool {
            let log = try await replica.send("GET", "/communication-logs", key: key)
            #expect(log["communication_logs"]?.arrayValue?.count == 1, "\(log.text)")
            return log.text.contains("to be forgotten")
        }
        for replica in set.replicas {
            #expect(try await isReadable(on: replica))
        }
        let erased = try await set.replicas[0].send("POST", "/fleets/lender/erase")
        #expect(erased.status == 200, "\(erased.text)")
        let position = try #require(erased.headers["event-position"])
        for replica in set.replicas {
            _ = try await replica.send("GET", "/fleets/lender?min_position=\(position)")
            #expect(try await !isReadable(on: replica))
        }
        try await set.stop()
    }

    @Test("A stream of a follower hands messages over, and what an administrator is shown by it is recorded")
    func streams() async throws {
        let set = try await ReplicaSet(count: 2)
        let lending = try await Lending(on: set.replicas[0])
        let index = try await set.writer()
        let (writer, follower) = (set.replicas[index], set.replicas[1 - index])
        let made = try await writer.send(
            "POST", "/api-keys", #"{"name":"b","roles":["fleet_operator"],"fleet_ids":["borrower"]}"#)
        let borrower = EventFollower(key: try #require(made["key"]?.stringValue), after: nil)
        let administrator = EventFollower(after: nil)
        let followers = [borrower, administrator]
        let following = Task {
            await withTaskGroup(of: Void.self) { group in
                for one in followers { group.addTask { await one.run { _ in follower } } }
            }
        }
        defer { following.cancel() }
        _ = try await eventually("the streams to begin") { followers.allSatisfy { $0.place != nil } ? true : nil }
        for text in ["the first word", "the second word"] {
            #expect(try await lending.say(text, on: writer).status == 201)
            for one in followers {
                _ = try await eventually("\(text) in the stream") {
                    one.texts.contains { $0.contains(text) } ? true : nil
                }
            }
        }
        let log = try await writer.send("GET", "/communication-logs")
        let statuses = log["communication_logs"]?.arrayValue?.map { $0.objectValue?["status"]?.stringValue }
        #expect(statuses == ["delivered", "delivered"], "\(log.text)")
        let audit = try await writer.send("GET", "/audit-log?outcome=privileged&action=communication:read")
        #expect(audit["audit_records"]?.arrayValue?.isEmpty == false, "\(audit.text)")
        #expect(followers.allSatisfy { $0.cuts == 0 })
        following.cancel()
        try await set.stop()
    }

    @Test("Of a request whose answer was lost on the way the caller is told so, and asks again with its key")
    func lostAnswer() async throws {
        let set = try await ReplicaSet(count: 1)
        let directory = try ScratchDirectory()
        let replica = set.replicas[try await set.writer()]
        let peer = try await ScriptedServer("deaf-replica", in: directory)
        // The peer is elected, as far as anybody can tell, for as long as this says.
        let elect =
            "UPDATE fleet_coordination.writer SET epoch = epoch + 1, holder = 'peer', url = 'http://\(peer.address)'"
        let database = set.databaseURL
        _ = try await Psql.run("\(elect), expires_at = now() + INTERVAL '1 hour'", at: database, in: directory)
        _ = try await eventually("the peer to be followed") {
            try await replica.create("unkeyed").code == "outcome_unknown" ? true : nil
        }
        let (kept, begin) = ("kept-0123456789-kept", ContinuousClock.now)
        let keyed = try await replica.create("keyed", idempotencyKey: kept)
        #expect(keyed.status == 503 && keyed.code == "outcome_unknown", "\(keyed.text)")
        // It was asked again for as long as somebody may be elected.
        #expect(ContinuousClock.now - begin > .seconds(5))
        #expect(try await replica.send("GET", "/federations").status == 200)
        let late = Task { try await replica.create("late", idempotencyKey: "late-0123456789-late") }
        _ = try await Psql.run("UPDATE fleet_coordination.writer SET expires_at = now()", at: database, in: directory)
        // Whoever is elected while it waits does it.
        #expect(try await late.value.status == 201)
        #expect(try await replica.create("keyed", idempotencyKey: kept).status == 201)
        let names = try await replica.federationNames()
        #expect(names.filter { $0 != "unkeyed" }.sorted() == ["keyed", "late"])
        try await set.stop()
    }

    /// What was acknowledged is there once, no window is promised twice, and each replica tells the same log.
    ///
    /// - Returns: the ids of its events.
    @discardableResult
    private func check(_ log: Log, on set: ReplicaSet) async throws -> [String] {
        let replica = set.replicas[try await set.writer()]
        var leases: [(id: String, window: Range<String>)] = []
        var token: String?
        repeat {
            let page = try await replica.send(
                "GET", "/resource-sharing?page_size=1000" + (token.map { "&page_token=\($0)" } ?? ""))
            for row in page["resource_sharing"]?.arrayValue ?? page["sharing"]?.arrayValue ?? [] {
                guard let lease = row.objectValue, let id = lease["sharing_id"]?.stringValue,
                    let start = lease["starts_at"]?.stringValue, let end = lease["ends_at"]?.stringValue
                else { continue }
                leases.append((id, start..<end))
            }
            token = page["next_page_token"]?.stringValue
        } while token != nil
        let sorted = leases.sorted { $0.window.lowerBound < $1.window.lowerBound }
        for (one, next) in zip(sorted, sorted.dropFirst()) {
            #expect(one.window.upperBound <= next.window.lowerBound, "\(one) and \(next) overlap")
        }
        let acknowledged = log.acknowledged
        #expect(!acknowledged.isEmpty && acknowledged.isSubset(of: Set(leases.map(\.id))))

        // Each event once, the same on each replica.
        var events: [String] = []
        for replica in set.replicas {
            var seen: [String] = []
            var after = "0"
            while true {
                let page = try await replica.send("GET", "/events?limit=1000&after=\(after)")
                let ids = page["events"]?.arrayValue?.compactMap { $0.objectValue?["id"]?.stringValue } ?? []
                seen += ids
                guard !ids.isEmpty, let next = page["next_after"]?.stringValue else { break }
                after = next
            }
            #expect(seen.count == Set(seen).count)
            // The clock and the audit tree may have gone on.
            #expect(seen.starts(with: events))
            events = seen
        }
        #expect(events.count > acknowledged.count)
        let directory = try ScratchDirectory()
        let (status, output, errors) = try await ServiceProcess.run(
            in: directory, ["DATABASE_URL": set.databaseURL], ["events", "rebuild"])
        #expect(status == .exited(0), "\(output)\(errors)")
        return events
    }
}

/// The leases that were acknowledged, and whom the clients ask.
private final class Log: Sendable {
    private let ids = Mutex<Set<String>>([])
    private let replicas = Mutex<[ServiceProcess]>([])

    /// - Parameter replicas: none ends the load.
    func aim(at replicas: [ServiceProcess]) { self.replicas.withLock { $0 = replicas } }

    func replica(_ number: Int) -> ServiceProcess? {
        replicas.withLock { $0.isEmpty ? nil : $0[number % $0.count] }
    }

    func add(_ id: String) { _ = ids.withLock { $0.insert(id) } }
    var acknowledged: Set<String> { ids.withLock { $0 } }

    /// Books a random hour of eighty days; whatever comes of it.
    func book(_ lending: Lending, on replica: ServiceProcess, as key: String) async {
        let start = lending.window(day: Int.random(in: 1...80), hour: Int.random(in: 0...23))
        let reply = try? await lending.ask(on: replica, start, headers: ["Idempotency-Key": key + "-0123456789"])
        if let reply, reply.status == 201, let id = reply["sharing_id"]?.stringValue { add(id) }
    }

    func grow(by count: Int) async throws {
        let wanted = acknowledged.count + count
        _ = try await eventually("\(count) more leases", within: .seconds(60)) {
            self.acknowledged.count >= wanted ? true : nil
        }
    }
}
