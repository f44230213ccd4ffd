/// Shares in fixed point, 2⁹⁶ for the whole: fine enough that what is lost to rounding is less than a ten-thousandth
/// of a millionth of the largest capacity.
enum FixedPoint {
    static let one: UInt128 = 1 << 96
    private static let fraction = one - 1

    /// `a ÷ b`, rounded down; nil when it is 2³² or more.
    static func quotient(_ a: UInt128, _ b: UInt128) -> UInt128? { divide(a, b)?.quotient }

    /// `a ÷ b`, rounded up; nil when it is 2³² or more.
    static func quotientUp(_ a: UInt128, _ b: UInt128) -> UInt128? {
        divide(a, b).map { $0.remainder == 0 ? $0.quotient : $0.quotient + 1 }
    }

    private static func divide(_ a: UInt128, _ b: UInt128) -> (quotient: UInt128, remainder: UInt128)? {
        let high = a >> 32
        return high < b ? b.dividingFullWidth((high, a << 96)) : nil
    }

    /// The product of a share and a number, or of two shares, rounded down; it must be less than 2¹²⁸.
    static func product(_ a: UInt128, _ b: UInt128) -> UInt128 {
        let (high, low) = a.multipliedFullWidth(by: b)
        return high << 32 | low >> 96
    }

    /// The same, rounded up.
    static func productUp(_ a: UInt128, _ b: UInt128) -> UInt128 {
        product(a, b) + (a &* b & fraction == 0 ? 0 : 1)
    }

    /// `level · a ÷ b` as a whole number, rounded up; it must be less than 2³².
    static func wholeUp(_ level: UInt128, times a: UInt128, dividedBy b: UInt128) -> Int64 {
        let (quotient, remainder) = b.dividingFullWidth(level.multipliedFullWidth(by: a))
        return Int64(quotient >> 96) + (quotient & fraction == 0 && remainder == 0 ? 0 : 1)
    }
}
