/// Why a text is not JSON that this module accepts, and where.
package struct JSONSyntaxError: Error, Equatable {
    /// The rule that was broken.
    package enum Kind: Sendable {
        /// The text does not follow the grammar of RFC 8259.
        case syntax
        /// The text is not plain Unicode: malformed UTF-8, a byte order mark, or an escaped surrogate without its pair.
        case encoding
        /// An object has the same key twice.
        case duplicateKey
        /// Arrays and objects are nested deeper than the caller allows.
        case nestingTooDeep
        /// A number is too large for a `Double`.
        case numberOutOfRange
    }

    package let kind: Kind
    /// The distance in bytes from the start of the text to what was refused.
    package let offset: Int
    package let message: String
}
