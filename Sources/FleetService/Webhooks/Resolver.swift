import Foundation
import NIOPosix
import Synchronization

/// Looks up the addresses of a name, off the threads that serve.
enum Resolver {
    /// Threads of its own: a look-up that nobody answers takes one for as long as the system likes, and must not take those
    /// of others.
    private static let pool: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 16)
        pool.start()
        return pool
    }()

    /// Empty when the name is not known, or not in time.
    static func addresses(of host: String, within limit: Duration) async -> [NetworkAddress] {
        let answer = Answer()
        // A look-up cannot be cut short: one that is late goes on for nobody.
        pool.submit { _ in if !answer.isGiven { answer.give(lookUp(host)) } }
        // A group would wait for the look-up.
        let timer = Task {
            try? await Task.sleep(for: limit)
            answer.give([])
        }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            await answer.value
        } onCancel: {
            answer.give([])
        }
    }

    /// What was found first: the addresses, or that it took too long.
    private final class Answer: Sendable {
        private enum State {
            case open
            case awaited(CheckedContinuation<[NetworkAddress], Never>)
            case given([NetworkAddress])
        }

        private let state = Mutex(State.open)

        var isGiven: Bool { state.withLock { if case .given = $0 { true } else { false } } }

        func give(_ addresses: [NetworkAddress]) {
            let waiting: CheckedContinuation<[NetworkAddress], Never>? = state.withLock { state in
                if case .given = state { return nil }
                defer { state = .given(addresses) }
                if case .awaited(let continuation) = state { return continuation }
                return nil
            }
            waiting?.resume(returning: addresses)
        }

        var value: [NetworkAddress] {
            get async {
                await withCheckedContinuation { continuation in
                    let given: [NetworkAddress]? = state.withLock { state in
                        if case .given(let addresses) = state { return addresses }
                        state = .awaited(continuation)
                        return nil
                    }
                    if let given { continuation.resume(returning: given) }
                }
            }
        }
    }

    private static func lookUp(_ host: String) -> [NetworkAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var addresses: [NetworkAddress] = []
        var next = list
        while let info = next {
            defer { next = info.pointee.ai_next }
            guard let address = info.pointee.ai_addr else { continue }
            let bytes: [UInt8]? =
                switch info.pointee.ai_family {
                case AF_INET:
                    address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                        withUnsafeBytes(of: $0.pointee.sin_addr) { Array($0) }
                    }
                case AF_INET6:
                    address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                        withUnsafeBytes(of: $0.pointee.sin6_addr) { Array($0) }
                    }
                default: nil
                }
            if let bytes { addresses.append(NetworkAddress(bytes: bytes)) }
        }
        return addresses
    }
}
