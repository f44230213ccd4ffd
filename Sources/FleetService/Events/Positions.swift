import Crypto
package import FleetDomain
package import FleetStore

/// Positions of the log as callers are given them, and give them back.
///
/// Who sees the whole log is given the number. Others get a token, because numbers would count what others do; it also names
/// the timeline that it was given out on, so that after a fail-over that lost events it is not taken for the place of others.
package struct Positions: Sendable {
    /// No log gets there, and what is added to a position does not overflow.
    private static let greatest = Int64.max / 2
    private static let purpose = "position"
    /// Digits of a position, and letters of whom it is good for.
    private static let (digits, scopeLength) = (19, 12)

    private let sealer: Sealer
    private let committed: CommittedLog
    private let store: Store

    package init(_ sealer: Sealer, _ committed: CommittedLog, _ store: Store) {
        self.sealer = sealer
        self.committed = committed
        self.store = store
    }

    package func text(of place: LogPlace, for reader: Principal) -> String {
        reader.holdsEverywhere(.eventRead)
            ? String(place.position)
            : sealer.seal(
                place.position.padded + Self.scope(of: reader) + Self.suffix(place.timeline), for: Self.purpose)
    }

    /// Of a position on the last timeline.
    package func text(of position: Int64, for reader: Principal) -> String {
        text(of: LogPlace(position: position, timeline: committed.timeline), for: reader)
    }

    /// - Throws: `invalid_position`, `position_of_another`, `resync`, `storage_unavailable`.
    package func place(_ text: String, for reader: Principal) async throws(FleetError) -> LogPlace {
        // A number does not tell; it is taken for one of the last timeline.
        guard !reader.holdsEverywhere(.eventRead) else {
            return LogPlace(position: try Self.number(text), timeline: committed.timeline)
        }
        guard let plain = sealer.open(text, for: Self.purpose) else { throw Self.invalid }
        let position = try Self.number(String(plain.prefix(Self.digits)))
        let rest = plain.dropFirst(Self.digits)
        guard rest.prefix(Self.scopeLength) == Self.scope(of: reader) else {
            throw FleetError(.positionOfAnother, "This position was given to one who acts for others than you do.")
        }
        return try await checked(position, on: rest.dropFirst(Self.scopeLength))
    }

    /// A position within a token that is sealed by whoever gives it out.
    package func mark(_ place: LogPlace) -> String { place.position.padded + Self.suffix(place.timeline) }

    /// - Throws: `invalid_position`, `resync`, `storage_unavailable`.
    package func position(ofMark mark: String) async throws(FleetError) -> Int64 {
        try await checked(try Self.number(String(mark.prefix(Self.digits))), on: mark.dropFirst(Self.digits)).position
    }

    /// As long for each timeline, so that the length of a sealed position tells nothing.
    private static func suffix(_ timeline: Int64) -> String { timeline == 0 ? "" : ".\(timeline.padded)" }

    /// - Parameter timeline: as it was written; none is before the first.
    private func checked(_ position: Int64, on timeline: Substring) async throws(FleetError) -> LogPlace {
        let number = timeline.isEmpty ? 0 : Int64(timeline.dropFirst())
        guard let number else { throw Self.invalid }
        var timelines = committed.timelines
        if number != 0, !timelines.has(number) {
            // It may have begun a moment ago, and this process not have read of it.
            do throws(StoreError) { timelines = try await store.timelines() } catch { throw FleetError(storage: error) }
        }
        guard LogTimeline.holds(position, of: number, in: timelines) else { throw Self.resync }
        // Of a timeline of another database, which this one was filled from, it is as of before the first.
        return LogPlace(position: position, timeline: timelines.has(number) ? number : 0)
    }

    package static var resync: FleetError {
        FleetError(
            .resync, "The log went on without the events before this position; begin again from the state as it is.")
    }

    private static func number(_ text: String) throws(FleetError) -> Int64 {
        guard let position = wholeNumber(text), position <= greatest else { throw invalid }
        return position
    }

    private static var invalid: FleetError {
        FleetError(.invalidPosition, "This is not a position that you were given.")
    }

    /// For whom a position is good: whoever acts for the same, by whatever credential.
    private static func scope(of reader: Principal) -> String {
        let scope = reader.fleets.map(\.description).sorted() + reader.federations.map(\.description).sorted()
        let digest = SHA256.hash(data: Array(scope.joined(separator: "\n").utf8))
        return Base64URL.encode(Array(digest.prefix(9)))
    }
}
