/// The limits of a connection and of a request, one place for all of them.
///
/// Every deadline is checked at most 2 s late, a stalled reader at most 10 s late. Tests pass small ones.
package struct EdgeLimits: Sendable {
    /// From the connection, or from the first byte of a next request, to the end of the head. Slow heads hold
    /// connections at no cost to the sender.
    package var headDuration: Duration = .seconds(10)
    /// From the head to the end of the body, however the bytes are spread: 1 MiB at 35 KB/s.
    package var bodyDuration: Duration = .seconds(30)
    /// From the end of a request to the head of its response; a streamed body may then go on for ever. Longer than
    /// any wait that a use case promises.
    package var handlerDuration: Duration = .seconds(30)
    /// Between requests; about as long as proxies keep an unused upstream connection.
    package var idleDuration: Duration = .seconds(60)
    /// How long the peer may accept no byte of what we write: memory for it is held all that time.
    package var stallDuration: Duration = .seconds(60)
    /// How long input is thrown away after our last answer. Closing a socket with unread input resets the
    /// connection, and a reset may destroy the answer before the peer has read it.
    package var lingerDuration: Duration = .seconds(1)
    /// A stream of events has a line at least so often, with the time between two pulses of the log.
    package var heartbeatDuration: Duration = .seconds(9)
    /// A reader of a stream that was at the end of the log, falls so many events behind and stays there for so long is
    /// told to read anew.
    package var streamLagMax: Int64 = 10_000
    package var streamLagDuration: Duration = .seconds(5)
    /// Streams that one principal, and all together, may have open: each takes memory and a share of every commit.
    package var streamsOfOneMax = 1000
    package var streamsMax = 10_000
    /// How long a stopping service waits for a reader to take what was written.
    package var streamLingerDuration: Duration = .seconds(2)
    /// No object of the API comes near it.
    package var bodyBytesMax = 1 << 20
    /// One header field; a token with many claims takes 8 KiB.
    package var headerFieldBytesMax = 16 << 10
    /// The request target and all header fields together.
    package var headBytesMax = 32 << 10
    package var headerCountMax = 100
    /// Deeper than any document of the API; the parser recurses once per level.
    package var jsonDepthMax = 32

    package init() {}
}
