package import FleetDomain
package import HTTPTypes

/// A method and a path such as `/fleets/{fleet_id}/resources`, whose segments are literals or captures.
package struct RoutePattern: Sendable, Equatable {
    package let method: HTTPRequest.Method
    package let path: String

    /// - Precondition: `path` begins with a slash and has no empty segment.
    package init(_ method: HTTPRequest.Method, _ path: String) {
        precondition(path.hasPrefix("/") && !path.contains("//") && !path.hasSuffix("/"), "a route's path is absolute")
        self.method = method
        self.path = path
    }

    var segments: [Substring] { path.dropFirst().split(separator: "/") }

    /// The names of the captures, in their order.
    var captureNames: [String] {
        segments.filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
    }
}

/// Finds the route of a method and a path.
///
/// A literal segment wins over a capture at the same place, whatever the methods of the two paths are. Segments are
/// compared after percent-decoding. An empty segment, so also a trailing slash, matches nothing.
package struct RouteTable: Sendable {
    package enum Match: Equatable {
        /// `index` counts the patterns that the table was made of. A HEAD finds the route of GET.
        case route(index: Int, captures: [String])
        case wrongMethod(allow: String)
        /// OPTIONS on a known path.
        case options(allow: String)
        case unknown
    }

    private struct Node {
        var literals: [(segment: String, node: Int)] = []
        var capture: Int?
        var routes: [(method: HTTPRequest.Method, index: Int)] = []
        var allow = ""
    }

    private var nodes = [Node()]

    /// - Precondition: no two patterns have the same method and the same form.
    package init(_ patterns: [RoutePattern]) {
        for (index, pattern) in patterns.enumerated() {
            let node = pattern.segments.reduce(0) { child(of: $0, for: $1) }
            precondition(!nodes[node].routes.contains { $0.method == pattern.method }, "a route is given twice")
            nodes[node].routes.append((pattern.method, index))
        }
        for index in nodes.indices { nodes[index].allow = Self.allow(nodes[index].routes.map(\.method)) }
    }

    private mutating func child(of parent: Int, for segment: Substring) -> Int {
        let isCapture = segment.hasPrefix("{")
        let known =
            isCapture ? nodes[parent].capture : nodes[parent].literals.first { $0.segment == segment }?.node
        if let known { return known }
        nodes.append(Node())
        let node = nodes.count - 1
        if isCapture {
            nodes[parent].capture = node
        } else {
            nodes[parent].literals.append((String(segment), node))
        }
        return node
    }

    /// The methods in a fixed order; GET implies HEAD, and OPTIONS is always there.
    private static func allow(_ methods: [HTTPRequest.Method]) -> String {
        var all = methods + [.options]
        if methods.contains(.get) { all.append(.head) }
        let order: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options]
        return order.filter(all.contains).map(\.rawValue).joined(separator: ", ")
    }
}

// MARK: - Matching

extension RouteTable {
    /// - Throws: `invalid_path` when the path cannot be decoded, or has an encoded slash or NUL.
    package func match(_ method: HTTPRequest.Method, path: String) throws(FleetError) -> Match {
        if path == "*" { return method == .options ? .options(allow: Self.allow(Self.everyMethod)) : .unknown }
        guard path.utf8.first == UInt8(ascii: "/") else { return .unknown }
        guard let segments = try segments(of: path) else { return .unknown }
        var captures: [String] = []
        guard let node = find(segments[...], from: 0, &captures) else { return .unknown }
        return match(method, nodes[node], captures)
    }

    private static let everyMethod: [HTTPRequest.Method] = [.get, .post, .put, .patch, .delete]

    private func match(_ method: HTTPRequest.Method, _ node: Node, _ captures: [String]) -> Match {
        let served = method == .head ? .get : method
        if let route = node.routes.first(where: { $0.method == served }) {
            return .route(index: route.index, captures: captures)
        }
        return method == .options ? .options(allow: node.allow) : .wrongMethod(allow: node.allow)
    }

    /// Decodes the segments; nil when one is empty.
    private func segments(of path: String) throws(FleetError) -> [String]? {
        var segments: [String] = []
        segments.reserveCapacity(8)
        var rest = path[...].dropFirst()
        while true {
            let end = rest.utf8.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
            let raw = rest[..<end]
            if raw.isEmpty { return nil }
            segments.append(try Self.decoded(raw))
            if end == rest.endIndex { return segments }
            rest = rest[rest.utf8.index(after: end)...]
        }
    }

    private static func decoded(_ raw: Substring) throws(FleetError) -> String {
        if raw.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "%") }) { return String(raw) }
        guard let segment = percentDecoded(raw), !segment.utf8.contains(where: { $0 == 0 || $0 == UInt8(ascii: "/") })
        else { throw FleetError(.invalidPath, "The path is not a valid percent-encoding of UTF-8.") }
        return segment
    }

    /// The node of `segments` that has routes; at most one step back per segment.
    private func find(_ segments: ArraySlice<String>, from node: Int, _ captures: inout [String]) -> Int? {
        guard let segment = segments.first else { return nodes[node].routes.isEmpty ? nil : node }
        let literal = nodes[node].literals.first { $0.segment.utf8.elementsEqual(segment.utf8) }
        if let literal, let found = find(segments.dropFirst(), from: literal.node, &captures) { return found }
        guard let capture = nodes[node].capture else { return nil }
        captures.append(segment)
        if let found = find(segments.dropFirst(), from: capture, &captures) { return found }
        captures.removeLast()
        return nil
    }
}
