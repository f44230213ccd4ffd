import Foundation

/// How much a property test tries.
package enum Effort {
    /// Set by `make test-slow`.
    package static let isSlow = ProcessInfo.processInfo.environment["FLEET_SLOW"] != nil

    /// Set by `make test-integration`, which takes every case; the fast suite takes a part of very many like ones.
    package static let isThorough = isSlow || ProcessInfo.processInfo.environment["FLEET_THOROUGH"] != nil

    /// How many parts like cases are divided into.
    private static let parts = 6
    /// The one of this run: `FLEET_PART`, or drawn at random and printed.
    private static let part: Int = {
        let given = ProcessInfo.processInfo.environment["FLEET_PART"].flatMap { Int($0) }
        let part = (given ?? .random(in: 0..<parts)) % parts
        if !isThorough { print("of many like cases, each \(parts)th is tested: FLEET_PART=\(part)") }
        return part
    }()

    /// Every case, or one part of them where the run is a fast one.
    package static func part<Case>(of cases: [Case]) -> [Case] {
        isThorough ? cases : cases.enumerated().filter { $0.offset % parts == part }.map(\.element)
    }

    /// Every case, or one of them where the run is a fast one: of few that take long.
    package static func one<Case>(of cases: [Case]) -> [Case] { isThorough ? cases : [cases[part % cases.count]] }

    /// The limit of a suite that takes `usual` minutes at the most, or many times that where every slow test runs beside.
    package static func minutes(_ usual: Int) -> Int { isSlow ? 30 : usual }

    package static func seeds(_ usual: UInt64, slow: UInt64) -> UInt64 { isSlow ? slow : usual }
}
