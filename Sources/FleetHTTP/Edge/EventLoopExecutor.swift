internal import NIOCore

/// Runs the tasks of a connection on the connection's own event loop.
///
/// A request then crosses threads only where it waits for one, for the writer or a long query: between the socket and
/// the handler there is no wake-up of another thread, which would cost more than most handlers.
final class EventLoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        loop.execute { job.runSynchronously(on: executor) }
    }
}
