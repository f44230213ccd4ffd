package import FleetStore
import Synchronization

/// A real database in front of which commits can be made to fail or to wait, and reads to fail.
package final class FaultyDatabase: SQLDatabase {
    /// Asked about each commit with its statements: an error is thrown instead of its success.
    package typealias Fault = @Sendable ([SQL]) -> StoreError?

    private struct Faults {
        var before: Fault?
        var after: Fault?
        var read: StoreError?
    }

    private let inner: any SQLDatabase
    private let faults = Mutex(Faults())
    private let gate = Mutex<(isClosed: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    package init(_ inner: any SQLDatabase) { self.inner = inner }

    package var dialect: Dialect { inner.dialect }

    /// Sets, or with nil removes, the fault of the commits to come: they do not happen.
    package func setFault(_ new: Fault?) { faults.withLock { $0.before = new } }

    /// Sets, or with nil removes, the fault of the commits to come that do happen: only their success is lost.
    package func setFaultAfterCommit(_ new: Fault?) { faults.withLock { $0.after = new } }

    /// Sets, or with nil removes, what reads throw from now on.
    package func setReadFault(_ new: StoreError?) { faults.withLock { $0.read = new } }

    /// Commits wait from now on until `openGate`.
    package func closeGate() { gate.withLock { $0.isClosed = true } }

    package func openGate() { passGate(leavingItClosed: false) }

    /// Lets the commits that wait go on; the gate stays closed for those that come.
    package func letWaitingPass() { passGate(leavingItClosed: true) }

    private func passGate(leavingItClosed isClosed: Bool) {
        let waiting = gate.withLock { gate in
            defer { gate = (isClosed, []) }
            return gate.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Commits that wait at the gate.
    package var waitingCommits: Int { gate.withLock { $0.waiting.count } }

    package func commit(_ batch: [SQL]) async throws(StoreError) {
        await withCheckedContinuation { continuation in
            let isOpen = gate.withLock { gate in
                if gate.isClosed { gate.waiting.append(continuation) }
                return !gate.isClosed
            }
            if isOpen { continuation.resume() }
        }
        if let error = faults.withLock({ $0.before })?(batch) { throw error }
        try await inner.commit(batch)
        if let error = faults.withLock({ $0.after })?(batch) { throw error }
    }

    package func read(_ queries: [SQL], within scope: RowScope?) async throws(StoreError) -> [[SQLRow]] {
        if let error = faults.withLock({ $0.read }) { throw error }
        return try await inner.read(queries, within: scope)
    }

    package func find(_ query: SQL) async throws(StoreError) -> [SQLRow] {
        if let error = faults.withLock({ $0.read }) { throw error }
        return try await inner.find(query)
    }

    package func close() async { await inner.close() }
}
