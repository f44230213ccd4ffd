/// Why TLS failed, in a few words: the library's own name also the place in its sources.
package func tlsReason(of error: any Error) -> String {
    let text = "\(error)"
    let reasons = text.matches(of: /OPENSSL_internal:([A-Z0-9_]+)/).map {
        $0.output.1.lowercased().replacing("_", with: " ")
    }
    return reasons.isEmpty ? text : reasons.joined(separator: ", ")
}
