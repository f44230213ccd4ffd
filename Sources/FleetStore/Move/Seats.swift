import FleetDomain

/// The writer's seats that a move holds, so that nobody decides meanwhile. An engine that one process serves has none: who
/// has opened it has it alone.
struct Seats: Sendable {
    /// Long beside what keeps it, short for who begins again after a move that was killed.
    private static let lease: Seconds = 6
    private static let renewal = Duration.seconds(2)
    private static let look = Duration.milliseconds(100)

    enum Part {
        case source
        case target
        /// One that an earlier move has begun to fill: its seat is free when that move is dead for long enough.
        case begunTarget
    }

    let holder: String

    /// - Returns: the epoch.
    /// - Throws: `MoveError` when another holds it.
    func take(_ store: Store, as part: Part) async throws -> Int64 {
        guard store.isShared else { return 0 }
        let deadline = ContinuousClock.now + .seconds(Self.lease * 2)
        while true {
            // To claim a seat that is held would write a row for nothing.
            let current = try await store.writerSeat()
            let seat =
                current.isHeld ? current : try await store.claimSeat(holder: holder, url: "", for: Self.lease)
            if seat.holder == holder { return seat.epoch }
            switch part {
            case .source: throw MoveError.sourceServed(url: seat.url)
            case .target: throw MoveError.targetServed(url: seat.url)
            case .begunTarget:
                guard ContinuousClock.now < deadline else { throw MoveError.busy }
                try await Task.sleep(for: Self.look)
            }
        }
    }

    /// Keeps those that it has until it is cancelled. A failure is not told: the guard of the next slice finds out.
    func keep(_ stores: [Store]) async {
        while !Task.isCancelled {
            for store in stores where store.isShared {
                _ = try? await store.claimSeat(holder: holder, url: "", for: Self.lease)
            }
            try? await Task.sleep(for: Self.renewal)
        }
    }

    func leave(_ stores: [Store]) async {
        for store in stores where store.isShared { try? await store.leaveSeat(holder: holder) }
    }
}
