package import FleetDomain
internal import HTTPTypes
internal import HummingbirdCore

/// The parameters of a query (`application/x-www-form-urlencoded`), each at most once and known to the route.
package struct Query: Sendable {
    private var parameters: [(name: String, value: String)] = []

    /// Parses the query of a request target, which may have none.
    ///
    /// - Throws: `invalid_parameter` for a percent-encoding that is not UTF-8 and for a repeated parameter,
    ///   `unknown_parameter` for one that is not in `allowed`.
    package init(target: String, allowed: [String]) throws(FleetError) {
        guard let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) else { return }
        for pair in target[target.utf8.index(after: mark)...].split(separator: "&") {
            let equals = pair.firstIndex(of: "=") ?? pair.endIndex
            guard let name = percentDecoded(pair[..<equals], plusIsSpace: true),
                let value = percentDecoded(pair[equals...].dropFirst(), plusIsSpace: true)
            else { throw Query.fault(.invalidParameter, String(pair[..<equals]), "is not percent-encoded UTF-8") }
            guard allowed.contains(name) else { throw Query.fault(.unknownParameter, name, "is not known here") }
            guard self[name] == nil else { throw Query.fault(.invalidParameter, name, "is given twice") }
            parameters.append((name, value))
        }
    }

    /// The value of a parameter; empty when only its name is given, nil when it is absent.
    package subscript(name: String) -> String? { parameters.first { $0.name == name }?.value }

    package var isEmpty: Bool { parameters.isEmpty }

    private static func fault(_ code: ErrorCode, _ name: String, _ what: String) -> FleetError {
        let detail = "The parameter '\(name)' \(what)."
        return FleetError(code, detail, faults: [FleetError.Fault(name, code.rawValue, detail)])
    }
}

extension EdgeRequest {
    /// The query; no parameter but `allowed` may be in it.
    package func query(_ allowed: [String] = []) throws(FleetError) -> Query {
        try Query(target: http.head.path ?? "", allowed: allowed)
    }
}
