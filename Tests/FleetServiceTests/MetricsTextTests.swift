import FleetService
import Testing

/// The Prometheus text format 0.0.4, read by rules that are written down here again.
@Suite("The text of the metrics")
struct MetricsTextTests {
    private let requests = MetricsRegistry.Name("requests_total", help: "Requests by route.")
    private let latency = MetricsRegistry.Name("latency_seconds", help: "Time until the answer.")
    private let depth = MetricsRegistry.Name("queue_depth", help: "Commands that wait.")

    @Test("Nothing measured is no text")
    func empty() {
        #expect(MetricsRegistry().exposition(gauges: []) == "")
    }

    @Test("A counter adds up by its labels, under one HELP and one TYPE line")
    func counter() {
        let registry = MetricsRegistry()
        registry.count(requests, ["route": "/b", "status": "200"])
        registry.count(requests, ["route": "/a", "status": "200"], by: 2)
        registry.count(requests, ["route": "/b", "status": "200"], by: 0.5)
        registry.count(requests)
        #expect(
            registry.exposition(gauges: []) == """
                # HELP requests_total Requests by route.
                # TYPE requests_total counter
                requests_total 1
                requests_total{route="/a",status="200"} 2
                requests_total{route="/b",status="200"} 1.5

                """)
    }

    @Test("Gauges are read for the occasion, and a name is described once")
    func gauges() {
        let text = MetricsRegistry().exposition(gauges: [
            (depth, ["writer": "a"], 3), (depth, ["writer": "b"], 0.25), (requests, [:], -1),
        ])
        #expect(
            text == """
                # HELP queue_depth Commands that wait.
                # TYPE queue_depth gauge
                queue_depth{writer="a"} 3
                queue_depth{writer="b"} 0.25
                # HELP requests_total Requests by route.
                # TYPE requests_total gauge
                requests_total -1

                """)
    }

    @Test("Buckets are cumulative, a value on a bound is below it, and the last bucket holds all")
    func histogram() {
        let registry = MetricsRegistry()
        for value in [0.05, 0.1, 0.2, 0.5, 7] {
            registry.observe(latency, ["route": "/a"], value, bounds: [0.1, 0.5, 1])
        }
        #expect(
            registry.exposition(gauges: []) == """
                # HELP latency_seconds Time until the answer.
                # TYPE latency_seconds histogram
                latency_seconds_bucket{route="/a",le="0.1"} 2
                latency_seconds_bucket{route="/a",le="0.5"} 4
                latency_seconds_bucket{route="/a",le="1"} 4
                latency_seconds_bucket{route="/a",le="+Inf"} 5
                latency_seconds_sum{route="/a"} 7.85
                latency_seconds_count{route="/a"} 5

                """)
    }

    @Test("A histogram without labels has its bounds alone, and each set of labels its own counts")
    func histogramSeries() {
        let registry = MetricsRegistry()
        registry.observe(latency, [:], 1, bounds: [2])
        registry.observe(latency, ["route": "/a"], 3, bounds: [2])
        let lines = registry.exposition(gauges: []).split(separator: "\n")
        #expect(lines.count == 2 + 4 + 4)
        #expect(lines.contains("latency_seconds_bucket{le=\"2\"} 1"))
        #expect(lines.contains("latency_seconds_bucket{route=\"/a\",le=\"2\"} 0"))
        #expect(lines.contains("latency_seconds_sum 1"))
        #expect(lines.contains("latency_seconds_count{route=\"/a\"} 1"))
    }

    @Test("The usual bounds reach from half a millisecond to ten seconds, and rise")
    func usualBounds() {
        let bounds = MetricsRegistry.latencyBounds
        #expect(bounds == bounds.sorted() && Set(bounds).count == bounds.count)
        #expect(bounds.first == 0.0005 && bounds.last == 10)
    }

    @Test(
        "A label's value is escaped, so that no value can end it or begin a line",
        arguments: [
            ("plain", "plain"), ("a\"b", "a\\\"b"), ("a\\b", "a\\\\b"), ("a\nb", "a\\nb"), ("\\n", "\\\\n"),
            // What Swift counts as one character may hide a quote or a line's end.
            ("a\r\nb", "a\r\\nb"), ("a\"\u{301}b", "a\\\"\u{301}b"), ("ü漢", "ü漢"),
        ])
    func escaping(value: String, escaped: String) {
        let registry = MetricsRegistry()
        registry.count(requests, ["route": value])
        let line = "requests_total{route=\"\(escaped)\"} 1\n"
        #expect(registry.exposition(gauges: []).utf8.suffix(line.utf8.count).elementsEqual(line.utf8))
    }

    @Test("Every line of a running service's text is one that the format allows")
    func ofTheService() async throws {
        let registry = MetricsRegistry()
        let text = try await RunningWriter.run { writer in
            _ = await writer.submit(.found("Federation"))
            registry.count(requests, ["route": "/a"])
            registry.observe(latency, [:], 0.2)
            let gauges = try await writer.orchestrator.gauges() + writer.orchestrator.ownGauges
            return registry.exposition(gauges: gauges)
        }
        var described: Set<Substring> = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            let words = line.split(separator: " ")
            if line.hasPrefix("# TYPE ") {
                #expect(described.insert(words[2]).inserted, "\(words[2]) is described twice")
                #expect(["counter", "gauge", "histogram"].contains(words[3]))
            } else if !line.hasPrefix("# HELP ") {
                let sample = try #require(line.wholeMatch(of: #/([a-z_]+)(\{[^ ]*\})? ([0-9.e+-]+)/#)).output
                let series = sample.1.split(separator: "_").dropLast().joined(separator: "_")
                #expect(described.contains(sample.1) || described.contains(Substring(series)), "\(line)")
                #expect(Double(sample.3) != nil, "\(line)")
            }
        }
        for line in [
            "fleet_federations{status=\"active\"} 1", "fleet_writer_queue_depth 0", "fleet_log_position 1",
            "fleet_sharing_utilization_ratio 0",
        ] {
            #expect(text.split(separator: "\n").contains(Substring(line)), "\(line)")
        }
    }
}
