/// Why a key set cannot be used: a sentence for the operator, naming the key where one is at fault.
package struct JWKSError: Error, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
