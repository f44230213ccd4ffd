import FleetDomain
import FleetHTTP
import Testing

@Suite("token cache")
struct AuthTokenCacheTests {
    private let cache = TokenCache(capacity: 3)
    private let now = AuthIssuer.now

    private func fingerprint(_ text: String) -> TokenCache.Fingerprint { TokenCache.Fingerprint(Array(text.utf8)) }

    private func insert(_ text: String, for seconds: Seconds = 60, generation: UInt64 = 0) {
        cache.insert(
            Principal(subject: text, roles: []), for: fingerprint(text), at: now, until: now + seconds,
            generation: generation)
    }

    private func find(_ text: String, after seconds: Seconds = 0, generation: UInt64 = 0) -> String? {
        cache.principal(for: fingerprint(text), at: now + seconds, generation: generation)?.subject
    }

    @Test("finds a token until it ends")
    func expiry() {
        insert("a", for: 60)
        #expect(find("a") == "a")
        #expect(find("a", after: 59) == "a")
        #expect(find("a", after: 60) == nil)
        #expect(find("b") == nil)
    }

    @Test("keeps a long token for five minutes at most")
    func lifetime() {
        insert("a", for: 86_400)
        #expect(find("a", after: 299) == "a")
        #expect(find("a", after: 300) == nil)
    }

    @Test("forgets what other keys verified")
    func generations() {
        insert("a", generation: 1)
        #expect(find("a", generation: 1) == "a")
        #expect(find("a", generation: 2) == nil)
        insert("a", generation: 2)
        #expect(find("a", generation: 2) == "a")
    }

    @Test("drops the oldest when it is full, and never grows")
    func bound() {
        for text in ["a", "b", "c", "a", "d"] { insert(text) }
        #expect([find("a"), find("b"), find("c"), find("d")] == [nil, "b", "c", "d"])
        for index in 0..<100 { insert("\(index)") }
        #expect(cache.count == 3)
        #expect([find("97"), find("98"), find("99")] == ["97", "98", "99"])
    }
}
