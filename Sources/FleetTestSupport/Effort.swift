import Foundation

/// How much a property test tries.
package enum Effort {
    /// Set by `make test-slow`.
    package static let isSlow = ProcessInfo.processInfo.environment["FLEET_SLOW"] != nil

    /// The limit of a suite that takes `usual` minutes at the most, or many times that where every slow test runs beside.
    package static func minutes(_ usual: Int) -> Int { isSlow ? 30 : usual }

    package static func seeds(_ usual: UInt64, slow: UInt64) -> UInt64 { isSlow ? slow : usual }
}
