package import FleetDomain
import FleetJSON

extension Vault {
    /// What a message says.
    ///
    /// - Throws: `StoreError`.
    package func content(of message: Message) async throws -> MessageContent {
        guard let text = try await open(message.content, .messageContent, of: message.source) else { return .erased }
        guard let signature = message.signature else { return .open(text) }
        let content = try? JSON.text(ofMember: "message_content", in: Array(text.utf8))
        return .signed(content ?? "null", signature, body: text)
    }
}
