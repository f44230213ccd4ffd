/// Topics of the operator's to which every committed event goes as well. They are inside the trust boundary: whoever
/// reads them is shown everything, but for contents, which are sealed there as they are in the log.
package protocol EventBus: Dependency {
    /// Asks whether it answers at all: before anything is handed over again to what failed.
    func reach() async throws
    /// Has the topics be there, made as the operator wants them; one that is there already is left as it is.
    func prepare(_ topics: [String]) async throws
    /// Hands the records over and waits until each is stored, or it gives up.
    ///
    /// Those of one topic and key are stored in their order, also when they are handed over again after a failure: what
    /// is seen of a record for the first time comes after all before it. Not to be called twice at a time. A task that is
    /// cancelled waits for a short while yet, because what is stored unseen is handed over again.
    func publish(_ records: [BusRecord]) async -> BusReceipt
    /// Nobody hands anything over from here for now: what was refused last is no trouble of this process any more.
    func standAside()
    /// Ends it, when nobody uses it any more.
    func close() async
}

/// One event as a bus carries it.
package struct BusRecord: Sendable, Equatable {
    package struct Header: Sendable, Equatable {
        package let name: String
        package let value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package let topic: String
    /// Those of one key keep their order.
    package let key: String
    package let headers: [Header]
    package let value: [UInt8]

    package init(topic: String, key: String, headers: [Header], value: [UInt8]) {
        self.topic = topic
        self.key = key
        self.headers = headers
        self.value = value
    }
}

/// What became of records that were handed over.
package struct BusReceipt: Sendable {
    /// So many from the first on are stored, each of them. Some of the rest may be, too.
    package let taken: Int
    /// Why not all are.
    package let failure: (any Error)?

    package init(taken: Int, failure: (any Error)?) {
        self.taken = taken
        self.failure = failure
    }
}
