/// What goes on failing, so that it is said once: a database that cannot be reached refuses each look at it.
struct Complaint {
    private var reason: String?

    /// Whether it is another than the last, since it `ended`.
    mutating func isNews(_ error: any Error) -> Bool {
        defer { reason = "\(error)" }
        return reason != "\(error)"
    }

    mutating func end() { reason = nil }
}
