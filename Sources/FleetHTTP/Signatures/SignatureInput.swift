import FleetDomain

/// The one member of a `Signature-Input` header (RFC 9421, 4.1): what is signed, and under which parameters.
struct SignatureInput {
    let label: String
    /// The components in the order in which they are signed.
    let components: [String]
    /// As they were sent: they are signed as they stand.
    let text: String
    let created: Int64
    let expires: Int64?
    let nonce: String
    let keyID: String

    /// - Throws: `invalid_header`.
    init(_ header: String) throws(FleetError) {
        var scanner = Scanner(header)
        guard let label = scanner.token(), scanner.take("=") else { throw Self.malformed }
        self.label = label
        let start = scanner.rest
        guard scanner.take("(") else { throw Self.malformed }
        var components: [String] = []
        while !scanner.take(")") {
            guard components.isEmpty || scanner.take(" "), let component = scanner.string() else {
                throw Self.malformed
            }
            components.append(component)
        }
        self.components = components
        var integers: [String: Int64] = [:]
        var strings: [String: String] = [:]
        while scanner.take(";") {
            guard let name = scanner.token(), scanner.take("="), integers[name] == nil, strings[name] == nil else {
                throw Self.malformed
            }
            if let text = scanner.string() {
                strings[name] = text
            } else if let number = scanner.integer() {
                integers[name] = number
            } else {
                throw Self.malformed
            }
        }
        guard scanner.rest.isEmpty else { throw Self.malformed }
        text = String(start)
        guard let created = integers["created"], let nonce = strings["nonce"], (8...128).contains(nonce.utf8.count),
            let keyID = strings["keyid"], strings["alg"].map({ $0 == "ed25519" }) ?? true
        else {
            throw FleetError(
                .invalidHeader,
                "Signature-Input needs created, a nonce of 8 to 128 characters and keyid, and no other alg.")
        }
        self.created = created
        self.nonce = nonce
        self.keyID = keyID
        expires = integers["expires"]
    }

    private static let malformed = FleetError(
        .invalidHeader, "Signature-Input is not one signature with its components and parameters.")

    /// Reads structured fields (RFC 8941), as far as they are needed here.
    private struct Scanner {
        private(set) var rest: Substring

        init(_ text: String) { rest = text[...] }

        mutating func take(_ character: Character) -> Bool {
            guard rest.first == character else { return false }
            rest.removeFirst()
            return true
        }

        mutating func token() -> String? {
            let token = rest.prefix { ("a"..."z").contains($0) || ("0"..."9").contains($0) || "_-*.".contains($0) }
            rest = rest[token.endIndex...]
            return token.isEmpty ? nil : String(token)
        }

        /// Without escapes, which nothing here needs.
        mutating func string() -> String? {
            guard rest.first == "\"" else { return nil }
            let text = rest.dropFirst().prefix { $0 != "\"" && $0 != "\\" }
            guard text.utf8.allSatisfy({ (0x20...0x7e).contains($0) }), rest[text.endIndex...].first == "\"" else {
                return nil
            }
            rest = rest[text.endIndex...].dropFirst()
            return String(text)
        }

        mutating func integer() -> Int64? {
            let digits = rest.prefix { ("0"..."9").contains($0) }
            guard (1...15).contains(digits.utf8.count), let number = Int64(digits) else { return nil }
            rest = rest[digits.endIndex...]
            return number
        }
    }
}
