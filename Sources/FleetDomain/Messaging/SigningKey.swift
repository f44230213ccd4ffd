package import FleetJSON

/// The public half of the key with which a fleet signs its messages, so that a recipient need not trust the service.
package struct SigningKey: Sendable, Equatable {
    /// Follows from the key itself.
    package let id: String
    /// Ed25519, 32 bytes as base64url.
    package let publicKey: String
    /// Whether the fleet sends nothing without a signature.
    package let isRequired: Bool

    package init(id: String, publicKey: String, isRequired: Bool) {
        self.id = id
        self.publicKey = publicKey
        self.isRequired = isRequired
    }

    package var json: JSON {
        .object([
            "key_id": .string(id), "public_key": .string(publicKey), "algorithm": .string("ed25519"),
            "required": .bool(isRequired),
        ])
    }

    /// Reads what `json` wrote.
    package init(json: JSON) throws(RecordError) {
        guard let object = json.objectValue, let id = object["key_id"]?.stringValue,
            let publicKey = object["public_key"]?.stringValue
        else { throw RecordError(field: "signing_key") }
        self.init(id: id, publicKey: publicKey, isRequired: object["required"]?.boolValue ?? false)
    }
}

/// What a source signed a message with (RFC 9421), verified when it was accepted. The body that it speaks of is kept with
/// the content.
package struct MessageSignature: Sendable, Equatable {
    package let key: SigningKey
    /// The text that was signed.
    package let base: String
    /// 64 bytes in base64.
    package let value: String

    package init(key: SigningKey, base: String, value: String) {
        self.key = key
        self.base = base
        self.value = value
    }

    package var json: JSON {
        .object(["key": key.json, "signature_base": .string(base), "signature": .string(value)])
    }

    /// Reads what `json` wrote.
    package init(json: JSON) throws(RecordError) {
        guard let object = json.objectValue, let key = object["key"], let base = object["signature_base"]?.stringValue,
            let value = object["signature"]?.stringValue
        else { throw RecordError(field: "signature") }
        self.init(key: try SigningKey(json: key), base: base, value: value)
    }
}
