/// What a contract found an engine to do otherwise.
package struct ContractViolation: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
