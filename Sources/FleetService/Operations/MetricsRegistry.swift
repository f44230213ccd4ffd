import Synchronization

/// Counters and histograms, and their text in the Prometheus exposition format 0.0.4.
package final class MetricsRegistry: Sendable {
    package struct Name: Hashable, Sendable {
        let name: String
        let help: String

        package init(_ name: String, help: String) {
            self.name = name
            self.help = help
        }
    }

    private struct Histogram {
        var counts: [UInt64]
        var sum = 0.0
        var count: UInt64 = 0
    }

    private struct State {
        var counters: [Name: [String: Double]] = [:]
        var histograms: [Name: [String: Histogram]] = [:]
        var bounds: [Name: [Double]] = [:]
    }

    private let state = Mutex(State())

    /// Seconds: from what an embedded read takes to what nobody waits for.
    package static let latencyBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    package init() {}

    package func count(_ name: Name, _ labels: KeyValuePairs<String, String> = [:], by amount: Double = 1) {
        let key = Self.text(of: labels)
        state.withLock { $0.counters[name, default: [:]][key, default: 0] += amount }
    }

    package func observe(
        _ name: Name, _ labels: KeyValuePairs<String, String> = [:], _ value: Double,
        bounds: [Double] = latencyBounds
    ) {
        let key = Self.text(of: labels)
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            if state.bounds[name] == nil { state.bounds[name] = bounds }
            var series = state.histograms[name, default: [:]]
            state.histograms[name] = nil
            var histogram = series[key] ?? Histogram(counts: Array(repeating: 0, count: bounds.count + 1))
            series[key] = nil
            histogram.counts[bucket] += 1
            histogram.sum += value
            histogram.count += 1
            series[key] = histogram
            state.histograms[name] = series
        }
    }

    /// Everything as text; `gauges` are read for the occasion.
    package func exposition(gauges: [(name: Name, labels: KeyValuePairs<String, String>, value: Double)]) -> String {
        var text = ""
        state.withLock { state in
            for (name, series) in state.counters.sorted(by: { $0.key.name < $1.key.name }) {
                text += Self.header(name, "counter")
                for (labels, value) in series.sorted(by: { $0.key < $1.key }) {
                    text += Self.line(name.name, labels, value)
                }
            }
            for (name, series) in state.histograms.sorted(by: { $0.key.name < $1.key.name }) {
                text += Self.header(name, "histogram")
                for (labels, histogram) in series.sorted(by: { $0.key < $1.key }) {
                    text += Self.lines(name.name, labels, histogram, bounds: state.bounds[name] ?? [])
                }
            }
        }
        var lastName: Name?
        for gauge in gauges {
            if gauge.name != lastName { text += Self.header(gauge.name, "gauge") }
            lastName = gauge.name
            text += Self.line(gauge.name.name, Self.text(of: gauge.labels), gauge.value)
        }
        return text
    }

    private static func header(_ name: Name, _ type: String) -> String {
        "# HELP \(name.name) \(name.help)\n# TYPE \(name.name) \(type)\n"
    }

    private static func line(_ name: String, _ labels: String, _ value: Double) -> String {
        "\(name)\(labels.isEmpty ? "" : "{\(labels)}") \(number(value))\n"
    }

    private static func lines(_ name: String, _ labels: String, _ histogram: Histogram, bounds: [Double]) -> String {
        let separator = labels.isEmpty ? "" : ","
        var text = ""
        var total: UInt64 = 0
        for (index, count) in histogram.counts.enumerated() {
            total += count
            let bound = index < bounds.count ? number(bounds[index]) : "+Inf"
            text += "\(name)_bucket{\(labels)\(separator)le=\"\(bound)\"} \(total)\n"
        }
        return text + line("\(name)_sum", labels, histogram.sum)
            + line("\(name)_count", labels, Double(histogram.count))
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }

    private static func text(of labels: KeyValuePairs<String, String>) -> String {
        labels.map { name, value in
            var escaped = ""
            for character in value {
                switch character {
                case "\\": escaped += "\\\\"
                case "\"": escaped += "\\\""
                case "\n": escaped += "\\n"
                default: escaped.append(character)
                }
            }
            return "\(name)=\"\(escaped)\""
        }.joined(separator: ",")
    }
}
