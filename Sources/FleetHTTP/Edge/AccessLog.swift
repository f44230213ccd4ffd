package import FleetDomain
package import Logging

/// Writes one line per request and tells the metrics about it.
///
/// A line carries names that we chose and ids: never a path, a query, a body or the text of an error.
package struct AccessLog: Sendable {
    package struct Entry: Sendable {
        package var requestID: String
        /// A hash that stands for the caller; nil before it is known.
        package var principal: String?
        /// The pattern of the route, not the path.
        package var route: String
        package var method: String
        package var status: Int
        package var duration: Duration = .zero
        package var errorCode: ErrorCode?
        /// The caller's trace (W3C Trace Context), if the request is part of one.
        package var traceID: String?
        /// The type of an error that nothing here knows.
        package var errorType: String?
    }

    /// Called for every answer with the route's pattern, the method, the status, the time until the response was
    /// ready (not until it was sent), and the code of a problem. The method is one of the usual seven or `_OTHER`.
    package typealias MetricsHook =
        @Sendable (_ route: String, _ method: String, _ status: Int, _ duration: Duration, _ code: ErrorCode?) -> Void

    private let logger: Logger
    /// Longer requests are logged as warnings.
    private let slowDuration: Duration
    private let onFinish: MetricsHook

    package init(
        logger: Logger, slowDuration: Duration = .seconds(1), onFinish: @escaping MetricsHook = { _, _, _, _, _ in }
    ) {
        self.logger = logger
        self.slowDuration = slowDuration
        self.onFinish = onFinish
    }

    package func record(_ entry: Entry) {
        onFinish(entry.route, methodLabel(entry.method), entry.status, entry.duration, entry.errorCode)
        if entry.status >= 500 {
            logger.error("request failed", metadata: entry.metadata)
        } else if entry.duration > slowDuration {
            logger.warning("slow request", metadata: entry.metadata)
        } else {
            logger.info("request", metadata: entry.metadata)
        }
    }

    /// Callers can invent methods, but not metrics.
    private func methodLabel(_ method: String) -> String {
        switch method {
        case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS": method
        default: "_OTHER"
        }
    }
}

extension AccessLog.Entry {
    fileprivate var metadata: Logger.Metadata {
        var metadata: Logger.Metadata = [
            "request_id": .string(requestID), "route": .string(route), "method": .string(method),
            "status": .stringConvertible(status), "duration_ms": .stringConvertible(milliseconds),
        ]
        if let principal { metadata["principal"] = .string(principal) }
        if let traceID { metadata["trace_id"] = .string(traceID) }
        if let errorCode { metadata["code"] = .string(errorCode.rawValue) }
        if let errorType { metadata["error_type"] = .string(errorType) }
        return metadata
    }

    /// To three decimals.
    private var milliseconds: Double { (duration / .microseconds(1)).rounded() / 1000 }
}
