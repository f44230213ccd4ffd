/// The time for something was over before it ended.
package struct DeadlineExceeded: Error {
    package init() {}
}

/// What `body` answers, or `DeadlineExceeded` after `limit`. It then goes on alone, cancelled, for as long as it likes:
/// what waits for something that hangs must not hang with it.
package func withDeadline<Answer: Sendable>(
    _ limit: Duration, _ body: @escaping @Sendable () async throws -> Answer
) async throws -> Answer {
    let (answers, answer) = AsyncStream.makeStream(of: Result<Answer, any Error>.self)
    let work = Task {
        do { answer.yield(.success(try await body())) } catch { answer.yield(.failure(error)) }
    }
    let timer = Task {
        guard (try? await Task.sleep(for: limit)) != nil else { return }
        answer.yield(.failure(DeadlineExceeded()))
    }
    defer {
        work.cancel()
        timer.cancel()
    }
    // A cancelled caller gets none.
    for await result in answers { return try result.get() }
    throw CancellationError()
}
