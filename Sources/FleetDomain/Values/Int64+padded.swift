extension Int64 {
    /// A number that is not negative, in as many digits as any other: what is sealed tells its length, and the length of a
    /// position would tell how long the log is.
    package var padded: String {
        let digits = String(self)
        return String(repeating: "0", count: 19 - digits.count) + digits
    }
}

/// Decimal digits alone; `Int64` takes a plus sign too.
package func wholeNumber(_ text: String) -> Int64? {
    text.utf8.allSatisfy { (48...57).contains($0) } ? Int64(text) : nil
}
