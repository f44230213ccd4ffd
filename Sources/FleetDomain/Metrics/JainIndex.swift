/// Jain's index of fairness, `(Σx)² ÷ (n · Σx²)` (Jain, Chiu, Hawe 1984): 1 when all shares are equal, k ÷ n when k of
/// n are served equally and the rest not at all.
///
/// - Returns: nil when nobody has a share.
package func jainIndex(_ shares: [Double]) -> Double? {
    let sum = shares.reduce(0, +)
    let squares = shares.reduce(0) { $0 + $1 * $1 }
    return squares > 0 ? sum * sum / (Double(shares.count) * squares) : nil
}
