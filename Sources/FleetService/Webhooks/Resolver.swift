import Foundation
import NIOPosix

/// Looks up the addresses of a name, off the threads that serve.
enum Resolver {
    /// Empty when the name is not known, or not in time.
    static func addresses(of host: String, within limit: Duration) async -> [NetworkAddress] {
        await withTaskGroup(of: [NetworkAddress]?.self) { group in
            group.addTask { try? await NIOThreadPool.singleton.runIfActive { lookUp(host) } }
            group.addTask {
                try? await Task.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next()?.flatMap(\.self) ?? []
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
