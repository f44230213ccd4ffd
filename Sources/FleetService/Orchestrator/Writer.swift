import FleetDomain
import FleetStore
import Logging

/// Decides and commits, one batch after the other.
struct Writer {
    var ledger: Ledger
    /// Whether the log may hold more than the ledger does: the outcome of a commit is unknown, and the state could
    /// not be read again yet. Nothing is decided on it.
    private var isStale = false
    private var recent = RecentKeys()
    private var complaint = Complaint()
    /// Crossings of which it is not known whether they are in the log.
    var doubted: [DoubtedCrossings] = []
    /// When records that had outlived their day were removed last.
    private var swept = Timestamp(milliseconds: 0)
    let store: Store
    let hearing: Hearing
    private let committed: CommittedLog
    private let environment: Environment
    private let observer: WriterObserver
    private let logger: Logger
    private let ownSeed: UInt64
    /// Of its election.
    let epoch: Int64

    init(
        ledger: Ledger, epoch: Int64, store: Store, committed: CommittedLog, environment: Environment, hearing: Hearing,
        observer: WriterObserver, logger: Logger
    ) {
        self.ledger = ledger
        self.epoch = epoch
        self.store = store
        self.committed = committed
        self.environment = environment
        self.hearing = hearing
        ownSeed = environment.seed()
        self.observer = observer
        self.logger = logger
    }

    typealias Answer = (letter: Mailbox.Letter, result: Result<Outcome, FleetError>)

    /// One round:
    ///
    /// 1. record what time has made true; when that alone fills a batch, commit it and go on;
    /// 2. record crossings, drain intents, decide the commands;
    /// 3. commit, then answer;
    /// 4. if the commit failed, take everything back and commit one command at a time, so that whatever cannot be
    ///    committed fails alone.
    /// - Parameter isRead: whether somebody reads the state afterwards.
    /// - Returns: whether it may be read: it is what the store has.
    mutating func process(
        _ letters: [Mailbox.Letter], crossings: CrossingLog, flushCrossings: Bool, isRead: Bool
    ) async -> Bool {
        guard await isCurrent(), await regainHearing(), await settleDoubts(crossings) else { return refuse(letters) }
        await renewSigns()
        let start = await recordTime()
        guard !isStale else { return refuse(letters) }
        let entries = crossings.due(at: now, all: flushCrossings)
        record(entries)
        drain()
        expireDeliveries()
        handOn()
        var records: [IdempotencyRecord] = []
        let answers = letters.map { letter in
            let answer = answer(to: letter, &records)
            // Before the next command: who waits comes before who asks now.
            handOn()
            return answer
        }
        do {
            try await commit(answers.count, records, isAnswered: isRead || !answers.isEmpty)
            answer(answers)
            await sweep()
            return true
        } catch {
            let isDoubted = doubt(entries, after: error)
            ledger.rollBack(to: start)
            ledger.stirAll()
            if error.makesMemoryDoubtful { await reload() }
            await recover(from: error, letters, isDoubted ? [] : entries, crossings)
            await sweep()
            return !isStale && !error.makesMemoryDoubtful
        }
    }

    private func refuse(_ letters: [Mailbox.Letter]) -> Bool {
        answer(letters.map(unread))
        return false
    }

    /// Seconds between two sweeps of old idempotency records, and how many go at once: few enough that nobody
    /// waits for it. A backlog is harmless, because a record's age is looked at whenever it is read.
    private static let sweepInterval: Seconds = 1
    private static let sweepSize = 2000

    private mutating func sweep() async {
        guard now >= swept + Self.sweepInterval else { return }
        swept = now
        do {
            try await store.removeExpiredKeys(now: now, limit: Self.sweepSize)
        } catch {
            logger.warning("old idempotency records could not be removed", metadata: ["error": "\(error)"])
        }
    }

    var now: Timestamp { max(environment.now(), ledger.lastTime) }

    // MARK: 1. Time

    /// - Returns: the state before what is recorded and not committed yet.
    private mutating func recordTime() async -> Savepoint {
        while true {
            let start = ledger.savepoint
            guard isTimeDue else { return start }
            var context = clockContext()
            // What fits goes with the commands; a full slice is committed by itself.
            if ledger.advance(&context) { return start }
            handOn()
            do {
                try await commit(0, [])
            } catch {
                ledger.rollBack(to: start)
                ledger.stirAll()
                if complaint.isNews(error) {
                    logger.error("what time changed could not be committed", metadata: ["error": "\(error)"])
                }
                if error.makesMemoryDoubtful { await reload() }
                if error.isOfWhatWasStored { await commitTimeOneByOne() }
                return ledger.savepoint
            }
        }
    }

    private var isTimeDue: Bool { ledger.nextDue.map { $0 <= now } ?? false }

    private func clockContext() -> Context {
        Context(
            principal: Principal(subject: Event.clock, roles: []), now: now, requestID: Event.clock,
            ids: ownIDs())
    }

    /// The ids of what nobody asked for follow from the end of the log, and so from what was done, and not from how
    /// often the writer looked.
    func ownIDs() -> IDSource { IDSource(seed: UInt64(ledger.position), random: ownSeed) }

    // MARK: 2. Decisions

    private mutating func drain() {
        guard ledger.hasIntents else { return }
        var context = clockContext()
        _ = ledger.drainLeases(&context)
    }

    /// A slice a round, so that commands go on however many expire at one instant.
    private mutating func expireDeliveries() {
        guard hasExpiredDeliveries else { return }
        var context = clockContext()
        ledger.expireDeliveries(&context)
    }

    var hasExpiredDeliveries: Bool { ledger.hasExpired(at: now) }

    /// Gives what has become free to those who wait for it.
    private mutating func handOn() {
        guard ledger.hasStirred else { return }
        var context = clockContext()
        ledger.handOn(&context)
    }

    private mutating func answer(to letter: Mailbox.Letter, _ records: inout [IdempotencyRecord]) -> Answer {
        guard logger.logLevel <= .debug else { return decide(letter, &records) }
        let (position, start) = (ledger.position, ContinuousClock.now)
        let answer = decide(letter, &records)
        let duration = ContinuousClock.now - start
        logger.debug("decision", metadata: describe(answer, events: ledger.position - position, duration))
        return answer
    }

    private mutating func decide(_ letter: Mailbox.Letter, _ records: inout [IdempotencyRecord]) -> Answer {
        let command = letter.command
        guard environment.now() < letter.expiresAt else {
            return (letter, .failure(FleetError(.deadlineExceeded, "The request waited too long; nothing was done.")))
        }
        if let replay = replay(of: command, records) { return (letter, replay) }
        let start = ledger.savepoint
        var context = Context(
            principal: command.principal, now: now, requestID: command.requestID, ids: environment.ids())
        do {
            let decision = try command.decide(&ledger, &context)
            if command.dryRun { ledger.rollBack(to: start) }
            if !command.claims.isEmpty, !command.dryRun, ledger.position > start.position {
                let position = positionOfAnswer(decision, after: start.position)
                records += command.claims.map { claim in
                    IdempotencyRecord(
                        key: claim.key, fingerprint: claim.fingerprint, position: position, at: context.now,
                        replacesExpired: claim.replacesExpired)
                }
            }
            return (letter, .success(.decided(decision, position: ledger.position)))
        } catch {
            ledger.rollBack(to: start)
            return (letter, .failure(error))
        }
    }

    /// The last event of what the answer is about: a decision may go on to change other objects of the same kind.
    private func positionOfAnswer(_ decision: Decision, after start: Int64) -> Int64 {
        let event = ledger.unconfirmed.events.last { event in
            event.position > start && event.entity.kind == decision.entity?.kind
                && event.entity.subject == decision.entity?.subject
        }
        return event?.position ?? ledger.position
    }

    /// The outcome of an earlier request with one of the same keys, if there was one.
    private func replay(of command: Command, _ records: [IdempotencyRecord]) -> Result<Outcome, FleetError>? {
        guard !command.dryRun else { return nil }
        for claim in command.claims {
            guard let record = records.first(where: { $0.key == claim.key }) ?? recent[claim.key],
                record.at > now - IdempotencyRecord.lifetime
            else { continue }
            return outcome(of: record, for: claim)
        }
        return nil
    }

    private func outcome(of record: IdempotencyRecord, for claim: IdempotencyClaim) -> Result<Outcome, FleetError> {
        guard claim.isAnsweredAgain, record.fingerprint == claim.fingerprint else { return .failure(claim.refusal) }
        return .success(.replayed(position: record.position))
    }

    // MARK: 3. Commit and answer

    /// - Parameter isAnswered: whether anybody is told of the state, which then must be what the store has.
    private mutating func commit(
        _ commands: Int, _ records: [IdempotencyRecord], isAnswered: Bool = false
    ) async throws(StoreError) {
        let batch = ledger.unconfirmed
        let start = ContinuousClock.now
        do throws(StoreError) {
            guard !batch.events.isEmpty else {
                if isAnswered { try await store.confirmWriter(epoch, logEnd: ledger.position) }
                return
            }
            try await committed.commit(batch, records, epoch: epoch, to: store)
        } catch {
            if store.isShared, error.isOfReaching { hearing.lose() }
            throw error
        }
        observer.onCommit(commands, batch.events, ContinuousClock.now - start)
        ledger.confirm()
        complaint.end()
        for record in records { recent.insert(record) }
    }

    private func answer(_ answers: [Answer]) {
        for answer in answers { answer.letter.answer.resume(returning: answer.result) }
    }

    // MARK: 4. When a commit fails

    private mutating func recover(
        from error: StoreError, _ letters: [Mailbox.Letter], _ entries: [CrossingLog.Entry], _ crossings: CrossingLog
    ) async {
        if error.isOfWhatWasStored {
            await commitTimeOneByOne()
            for entry in entries { _ = await commitAlone { $0.record([entry]) } }
            await commitOneByOne(leaseSlice, while: \.ledger.hasIntents) { _ = $0.ledger.drainLeases(limit: 1, &$1) }
            await commitOneByOne(leaseSlice, while: \.hasExpiredDeliveries) {
                $0.ledger.expireDeliveries(limit: 1, &$1)
            }
            await commitQueueOneByOne()
        } else {
            crossings.putBack(entries)
        }
        switch error {
        case .conflict, .failed, .full, .corrupt:
            for letter in letters { await processAlone(letter) }
            return
        case .superseded(let reason): logger.warning("a batch was refused", metadata: ["error": "\(reason)"])
        case .unavailable(let reason), .busy(let reason), .forbidden(let reason):
            guard complaint.isNews(error) || !letters.isEmpty else { break }
            logger.error("the database cannot be used", metadata: ["error": "\(reason)"])
        case .outcomeUnknown(let reason):
            logger.error("the outcome of a commit is unknown", metadata: ["error": "\(reason)"])
        }
        answer(letters.map { ($0, .failure(FleetError(storage: error))) })
    }

    /// What time has made true, lease by lease; a lease that cannot be stored is set aside.
    private mutating func commitTimeOneByOne() async {
        await commitOneByOne(leaseSlice, while: \.isTimeDue) { $0.ledger.advance(limit: 1, &$1) }
    }

    private mutating func commitQueueOneByOne() async {
        await commitOneByOne(QueueLimits.triesPerRound, while: \.ledger.hasStirred) { $0.ledger.handOn(limit: 1, &$1) }
    }

    private mutating func commitOneByOne(
        _ limit: Int, while isDue: (Writer) -> Bool, _ change: (inout Writer, inout Context) -> Void
    ) async {
        for _ in 0..<limit where isDue(self) {
            let goesOn = await commitAlone { writer in
                var context = writer.clockContext()
                change(&writer, &context)
            }
            guard goesOn else { return }
        }
    }

    /// Commits one change of the clock's own. What cannot be stored is taken back and logged, and set aside.
    ///
    /// - Returns: whether the next one may be tried.
    private mutating func commitAlone(_ change: (inout Writer) -> Void) async -> Bool {
        let start = ledger.savepoint
        change(&self)
        let events = ledger.unconfirmed.events
        do {
            try await commit(0, [])
            return true
        } catch {
            ledger.rollBack(to: start)
            let subject = error.isOfWhatWasStored ? ledger.setAside(events) : nil
            logger.error(
                "a change of the clock could not be committed",
                metadata: ["subject": "\(subject ?? "")", "error": "\(error)"])
            if error.makesMemoryDoubtful { await reload() }
            return subject != nil
        }
    }

    private mutating func processAlone(_ letter: Mailbox.Letter) async {
        guard await isCurrent() else { return answer([unread(letter)]) }
        let start = ledger.savepoint
        var records: [IdempotencyRecord] = []
        let decided = answer(to: letter, &records)
        do {
            try await commit(1, records, isAnswered: true)
            answer([decided])
            await commitQueueOneByOne()
        } catch {
            ledger.rollBack(to: start)
            if let twin = await outcomeOfTwin(of: letter.command, after: error) {
                answer([(letter, twin)])
                return
            }
            if error != .full {
                logger.error(
                    "a command could not be committed",
                    metadata: ["operation": "\(letter.command.operation)", "error": "\(error)"])
            }
            if error.makesMemoryDoubtful { await reload() }
            answer([(letter, .failure(FleetError(storage: error)))])
        }
    }

    /// A key that was taken after all: by a request that the bounded memory of recent keys had forgotten.
    private func outcomeOfTwin(of command: Command, after error: StoreError) async -> Result<Outcome, FleetError>? {
        guard case .conflict = error else { return nil }
        for claim in command.claims {
            if let record = try? await store.idempotencyRecord(claim.key) { return outcome(of: record, for: claim) }
        }
        return nil
    }

    /// Whether the ledger is what the log says; reads it again if that was not known.
    private mutating func isCurrent() async -> Bool {
        if isStale { await reload() }
        return !isStale
    }

    private func unread(_ letter: Mailbox.Letter) -> Answer {
        (letter, .failure(FleetError(storage: .unavailable("the state could not be read again"))))
    }

    private mutating func reload() async {
        isStale = true
        do {
            ledger = try await committed.takeUp(store)
            isStale = false
        } catch {
            if complaint.isNews(error) {
                logger.error("the state could not be read again", metadata: ["error": "\(error)"])
            }
        }
    }
}
