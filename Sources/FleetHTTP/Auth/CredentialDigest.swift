import Crypto

/// What is stored of an API key, and the key by which the store finds it: HMAC-SHA256 over the whole key as
/// presented, under a fixed label that keeps it apart from every other digest of the service.
///
/// One lookup by digest decides. That is safe in time: how long an index search takes depends on the digest, and who
/// does not know a key cannot choose its digest. A stolen table does not authenticate, because a digest cannot be
/// presented. Neither a salt nor a slow hash is needed, as there are 256 random bits to guess; an `ADMIN_API_KEY` that
/// an operator makes up is only as strong as it is random. There is no secret pepper: it would protect nothing that
/// the random bits do not, and losing it would lose every key.
package struct CredentialDigest: Sendable, Hashable {
    /// Always 32 bytes.
    package let bytes: [UInt8]

    /// Has taken in the label already: half of the work of an HMAC is its key.
    private static let labelled = HMAC<SHA256>(
        key: SymmetricKey(data: Array("fleet-coordination/api-key/v1".utf8)))

    package init(of presented: [UInt8]) {
        var code = Self.labelled
        code.update(data: presented)
        bytes = Array(code.finalize())
    }

    /// Takes the same time wherever two digests differ.
    package static func == (a: CredentialDigest, b: CredentialDigest) -> Bool {
        zip(a.bytes, b.bytes).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
