import FleetDomain
import NIOCore
import Testing

@testable import FleetHTTP

/// The two state machines of a connection, by value.
struct EdgeStateTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    private func state() -> ConnectionState { ConnectionState(limits: EdgeLimits(), now: start) }

    private func after(_ seconds: Int64) -> NIODeadline { start + .seconds(seconds) }

    @Test("Every phase has its deadline, counted from where it begins")
    func deadlines() {
        var state = state()
        #expect(state.phase == .head)
        #expect(state.deadline == after(10))
        state.headReceived(now: after(1), isLast: false)
        #expect(state.deadline == after(31))
        state.requestEnded(now: after(2))
        #expect(state.deadline == after(32))
        state.responseStarted()
        #expect(state.deadline == .distantFuture)
        state.responseEnded(now: after(3))
        #expect(state.phase == .idle)
        #expect(state.deadline == after(63))
        state.readWithoutPart(now: after(5))
        #expect(state.phase == .head)
        #expect(state.deadline == after(15))
        // Later bytes of the same head win no time.
        state.readWithoutPart(now: after(6))
        #expect(state.deadline == after(15))
    }

    @Test("An answer before the end of the body leaves the body its deadline")
    func earlyAnswer() {
        var state = state()
        state.headReceived(now: start, isLast: false)
        state.responseStarted()
        state.responseEnded(now: after(1))
        #expect(state.phase == .exchange)
        #expect(state.deadline == after(30))
        #expect(state.overdue(now: after(30)) == .close)
        state.requestEnded(now: after(2))
        #expect(state.phase == .idle)
    }

    @Test("A next head that begins during an exchange is due soon after it")
    func earlyNextHead() {
        var state = state()
        state.headReceived(now: start, isLast: false)
        state.requestEnded(now: start)
        state.readWithoutPart(now: after(1))
        state.responseStarted()
        state.responseEnded(now: after(2))
        #expect(state.phase == .head)
        #expect(state.deadline == after(12))
    }

    @Test("Each missed deadline has its own answer")
    func overdue() {
        func code(_ state: ConnectionState) -> String? {
            if case .refuse(let error) = state.overdue(now: .distantFuture) { error.code.rawValue } else { nil }
        }
        var state = state()
        #expect(state.overdue(now: after(9)) == .nothing)
        #expect(code(state) == "request_timeout")
        state.headReceived(now: start, isLast: false)
        #expect(code(state) == "request_timeout")
        state.requestEnded(now: start)
        #expect(code(state) == "deadline_exceeded")
        state.responseStarted()
        state.responseEnded(now: start)
        #expect(state.overdue(now: after(60)) == .close)
    }

    @Test("The body's bytes are counted for one request")
    func bodyLimit() {
        var state = state()
        state.headReceived(now: start, isLast: false)
        let fits = state.bodyReceived(bytes: 1 << 20)
        #expect(fits)
        let stillFits = state.bodyReceived(bytes: 1)
        #expect(!stillFits)
        state.headReceived(now: start, isLast: false)
        let nextFits = state.bodyReceived(bytes: 1)
        #expect(nextFits)
    }

    @Test("Closing waits for the flush, then lingers")
    func closing() {
        var state = state()
        state.close()
        #expect(state.overdue(now: after(1000)) == .nothing)
        state.flushed(now: after(1000))
        #expect(state.overdue(now: after(1001)) == .close)
    }

    @Test("A reader stalls when nothing moves for the whole limit")
    func stall() {
        var watch = StallWatch(limit: .seconds(60))
        let samples = [(0, 0), (100, 10), (90, 60), (200, 119), (200, 120)].map { waiting, time in
            watch.isStalled(waiting: waiting, now: after(Int64(time)))
        }
        #expect(samples == [false, false, false, false, true])
    }

    @Test("A reader that drains the buffer between samples has not stalled")
    func slowReader() {
        var watch = StallWatch(limit: .seconds(60))
        watch.writabilityChanged(isWritable: false, now: start)
        #expect(watch.deadline == after(60))
        watch.writabilityChanged(isWritable: true, now: after(50))
        let samples = [(1000, 60), (0, 110)].map { waiting, time in
            watch.isStalled(waiting: waiting, now: after(Int64(time)))
        }
        #expect(samples == [false, false])
        #expect(watch.deadline == .distantFuture)
    }
}
