import Foundation

/// How much a property test tries.
package enum Effort {
    /// Set by `make test-slow`.
    package static let isSlow = ProcessInfo.processInfo.environment["FLEET_SLOW"] != nil

    package static func seeds(_ usual: UInt64, slow: UInt64) -> UInt64 { isSlow ? slow : usual }
}
