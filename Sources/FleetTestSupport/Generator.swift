package import FleetDomain

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Random numbers that a seed repeats: SplitMix64 (Steele, Lea, Flood 2014).
///
/// A test names the seed in the message of each expectation, so that a failure says how to repeat it; the variable
/// `FLEET_SEED` makes a run use that seed alone.
package struct Generator: RandomNumberGenerator, Sendable {
    package let seed: UInt64
    private var state: UInt64

    package init(seed: UInt64) {
        self.seed = seed
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// The seeds of one property: `FLEET_SEED` if it is set, else 1 to `count`, or of many the first quarter in a fast run.
    ///
    /// - Parameter isExact: whether somebody has asked for this very number.
    package static func seeds(_ count: UInt64, isExact: Bool = false) -> [UInt64] {
        if let text = getenv("FLEET_SEED"), let seed = UInt64(String(cString: text)) { return [seed] }
        return Array(1...(isExact || Effort.isThorough || count < 3 ? count : max(1, count / 4)))
    }

    /// Whether there are fewer seeds than a property asks for: what is expected of many histories together is not expected
    /// of fewer.
    package static var areFew: Bool { !Effort.isThorough || getenv("FLEET_SEED") != nil }
}

extension Generator {
    /// True `percent` times in a hundred.
    package mutating func chance(_ percent: Int) -> Bool { int(in: 0...99) < percent }

    package mutating func int(in range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &self) }

    /// - Precondition: there is something to choose from.
    package mutating func pick<Choices: Collection>(_ choices: Choices) -> Choices.Element {
        guard let choice = choices.randomElement(using: &self) else { preconditionFailure("nothing to choose from") }
        return choice
    }

    /// A whole number whose size is as likely to be small as large.
    package mutating func spread(upTo limit: Int64) -> Int64 {
        let bits = Int64.bitWidth - limit.leadingZeroBitCount
        return min(limit, int(in: 0...Int64.max) >> (63 - int(in: 0...Int64(bits))))
    }

    /// Text of up to 20 characters, some of which need an escape in JSON or are no ASCII.
    package mutating func text() -> String {
        let alphabet: [Character] = [
            "a", "Z", "0", " ", "\"", "\\", "/", "\n", "\t", "\u{1}", "ü", "ß", "e\u{301}", "漢", "🚚",
        ]
        return String((0..<int(in: 0...20)).map { _ in pick(alphabet) })
    }

    package mutating func timestamp() -> Timestamp {
        Timestamp(milliseconds: int(in: 0...Timestamp.distantFuture.milliseconds))
    }

    package mutating func optional<Value>(_ make: (inout Generator) -> Value) -> Value? {
        chance(50) ? make(&self) : nil
    }
}
