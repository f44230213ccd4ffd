import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import HTTPTypes

extension Call {
    private var now: Timestamp { api.environment.now() }

    /// Bytes of contents that one answer carries; a page ends earlier rather than grow beyond.
    private static let contentBytesMax = 4 << 20
    /// Messages whose contents are read in one go.
    private static let contentSlice = 16

    /// What the messages say that the caller was just shown in the feed of events, by position, where it may have it.
    ///
    /// For whom it receives, that is handing them over: what cannot be, is not shown.
    ///
    /// - Parameter areHandedOver: whether the writer has done so already.
    func handOverContents(
        of messages: [Message], areHandedOver: Bool = false
    ) async throws -> [Int64: MessageContent] {
        guard !messages.isEmpty else { return [:] }
        var isShown = Set(messages.filter { view.seesContent(ofMessageFrom: $0.source) }.map(\.position))
        let rest = messages.filter { !isShown.contains($0.position) }
        let mine = rest.flatMap(\.deliveries).filter { view.sees($0) }
        // A HEAD gets nothing that could have been delivered.
        let receivable = mine.filter {
            principal.receives(for: $0.target) && now < $0.expiresAt && request.method != .head
        }
        if !areHandedOver, !receivable.isEmpty {
            guard !leaveToWriter() else { return [:] }
            let handed = try await api.router.handOver(receivable, to: principal, requestID: request.identity.requestID)
            isShown.formUnion(handed.map(\.position))
        }
        // The others are shown only what they were handed before, or may still be.
        let open = Set(mine.map(\.position)).subtracting(isShown)
        for delivery in try await deliveries(at: open) where view.seesContent(of: delivery, at: now) {
            isShown.insert(delivery.position)
        }
        var contents: [Int64: MessageContent] = [:]
        for message in messages where isShown.contains(message.position) {
            contents[message.position] = try await content(of: message)
        }
        return contents
    }

    /// Contents of deliveries in their order, as many as fit one answer.
    ///
    /// - Parameter areHandedOver: whether they are about to be, so that the caller may have what it could not before.
    /// - Returns: those that the caller may have, by position, and how many deliveries were looked at.
    func contents(
        of deliveries: [Delivery], areHandedOver: Bool = false
    ) async throws -> (contents: [Int64: MessageContent], count: Int) {
        var contents: [Int64: MessageContent] = [:]
        var (count, size) = (0, 0)
        while count < deliveries.count, size < Self.contentBytesMax {
            let slice = deliveries[count..<min(count + Self.contentSlice, deliveries.count)]
            let shown = slice.filter { areHandedOver || view.seesContent(of: $0, at: now) }
            let wanted = Set(shown.map(\.position)).subtracting(contents.keys).sorted()
            let messages = try await stored { () throws(StoreError) in try await api.store.messages(at: wanted) }
            for message in messages.values { contents[message.position] = try await content(of: message) }
            // Of one to many each row has it once more.
            for delivery in slice where size < Self.contentBytesMax {
                size += shown.contains { $0.id == delivery.id } ? contents[delivery.position]?.length ?? 0 : 0
                count += 1
            }
        }
        return (contents, count)
    }

    /// What a message says. That an administrator reads it, is noted.
    func content(of message: Message) async throws -> MessageContent {
        if principal.isAdmin { note(.privilegedRead, towards: message.source, action: .communicationRead) }
        do {
            return try await api.vault.content(of: message)
        } catch let error as StoreError {
            throw FleetError(storage: error)
        }
    }

    private func deliveries(at positions: Set<Int64>) async throws -> [Delivery] {
        guard !positions.isEmpty else { return [] }
        return try await stored { () throws(StoreError) in
            try await api.store.deliveries(at: positions.sorted(), to: principal.fleets)
        }
    }
}
