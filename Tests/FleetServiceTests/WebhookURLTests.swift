import FleetDomain
import FleetService
import Synchronization
import Testing

@Suite("The URL of a webhook")
struct WebhookURLTests {
    private static let known = ["hooks.example.com": ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"]]
    private static let policy = WebhookPolicy(allowsPrivate: false) { host in
        ["inside.example.com": ["10.0.0.1"], "half.example.com": ["93.184.215.14", "127.0.0.1"]][host] ?? known[host]
            ?? []
    }

    private func refusal(of text: String, _ policy: WebhookPolicy = policy) async -> ErrorCode? {
        do throws(FleetError) {
            _ = try await policy.url(text)
            return nil
        } catch {
            return error.code
        }
    }

    @Test(
        "may be of the public Internet",
        arguments: [
            "https://hooks.example.com/a?b=c", "https://hooks.example.com:8443/", "https://93.184.215.14/",
            "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/x", "https://not.known.example.com/",
            "https://xn--bcher-kva.example/",
        ])
    func accepted(url: String) async { #expect(await refusal(of: url) == nil) }

    @Test(
        "is refused when it is of another network, however it is written",
        arguments: [
            "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0177.0.0.1/", "https://0x7f.0.0.1/",
            "https://0x7f000001/", "https://017700000001/", "https://127.0.0.1./", "https://10.1.2.3/",
            "https://172.16.0.1/", "https://172.31.255.255/", "https://192.168.1.1/", "https://169.254.169.254/",
            "https://100.64.0.1/", "https://0.0.0.0/", "https://0/", "https://255.255.255.255/", "https://224.0.0.1/",
            "https://198.18.0.1/", "https://192.0.2.1/", "https://[::1]/", "https://[::]/", "https://[fe80::1]/",
            "https://[fc00::1]/", "https://[fd00:ec2::254]/", "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:8.8.8.8]/",
            "https://[::ffff:7f00:1]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/",
            "https://[2001:db8::1]/", "https://[2001:0:7f00:1::]/", "https://localhost/", "https://LOCALHOST/",
            "https://localhost./", "https://a.localhost/", "https://printer.local/", "https://intranet/",
            "https://metadata.google.internal/", "https://inside.example.com/", "https://half.example.com/",
            "https://Inside.Example.com/",
        ])
    func isPrivate(url: String) async { #expect(await refusal(of: url) == .webhookURLPrivate) }

    @Test(
        "is refused when it is none that can be pushed to",
        arguments: [
            "", "hooks.example.com", "/path", "http://hooks.example.com/", "ftp://hooks.example.com/",
            "https://", "https:///x", "https://user@hooks.example.com/", "https://user:pass@hooks.example.com/",
            "https://hooks.example.com@93.184.215.14/", "https://hooks.example.com/#part", "https://hooks example.com/",
            "https://hooks.example.com:0/", "https://hooks.example.com:70000/", "https://[2606::zz]/",
            "https://[fe80::1%25eth0]/", "https://hooks.example.com\\@127.0.0.1/", "https://b\u{fc}cher.example/",
            "https://134744072/", "https://%31%32%37.0.0.1/", "https://-a.example/", "https://a..example/",
            "https://hooks.example.com/\u{0}", "file:///etc/passwd",
        ])
    func isInvalid(url: String) async { #expect(await refusal(of: url) == .webhookURLInvalid) }

    @Test("may be anything that can be reached where the service was told so")
    func allowed() async {
        let policy = WebhookPolicy(allowsPrivate: true)
        for url in ["http://127.0.0.1:8080/", "https://10.0.0.1/", "http://localhost/x", "http://[::1]:9/"] {
            #expect(await refusal(of: url, policy) == nil, "\(url)")
        }
        #expect(await refusal(of: "ftp://127.0.0.1/", policy) == .webhookURLInvalid)
    }
}
