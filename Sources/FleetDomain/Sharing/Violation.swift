/// One rule that stands between a request and its lease, with what would lift it.
struct Violation: Equatable {
    /// Whose matter it is; what a refusal may say depends on it.
    enum Concern: CaseIterable {
        /// The federation and its policy.
        case federation
        /// The lender's membership.
        case lender
        /// The borrower's membership, and its quota.
        case borrower
        /// The lender's resource, its use and its quota.
        case resource
    }

    let code: ErrorCode
    let concern: Concern
    /// The field to change, in the request or in what it meets.
    let field: String
    /// The value that lifts it; nil when no value of that field does.
    let value: String?
    let sentence: String
    var limit: Int64?

    /// The reasons in order of precedence: the first that applies names the refusal.
    static let precedence: [ErrorCode] = [
        .federationInactive, .memberInactive, .sharingDisabled, .policyForbids, .resourceUnavailable,
        .unitNotReturned, .windowConflict, .capacityExceeded, .lendingLimit, .borrowingLimit, .queuedAhead,
    ]

    /// The one that names the refusal.
    static func first(of violations: [Violation]) -> Violation? {
        precedence.lazy.compactMap { code in violations.first { $0.code == code } }.first
    }

    /// Both, where they are lifted by the same field: with all the values that it needs.
    func joined(with other: Violation) -> Violation {
        var values: [String] = []
        for value in [value, other.value].compactMap({ $0 }) where !values.contains(value) { values.append(value) }
        return Violation(
            code: code, concern: concern, field: field,
            value: value == nil || other.value == nil ? nil : values.joined(separator: ", "),
            sentence: "\(sentence); \(other.sentence)", limit: limit)
    }

    /// The same, of a field by another name.
    func renamed(_ field: String) -> Violation {
        Violation(code: code, concern: concern, field: field, value: value, sentence: sentence, limit: limit)
    }
}
