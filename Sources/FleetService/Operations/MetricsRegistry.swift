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

        package static func == (a: Name, b: Name) -> Bool { a.name == b.name }
        package func hash(into hasher: inout Hasher) { hasher.combine(name) }
    }

    /// One line of a counter, or one histogram: a name with the values of its labels.
    ///
    /// Its text is made when somebody asks for it: it is counted far more often than it is read.
    private struct Series: Hashable, Comparable {
        let name: Name
        let labels: [String]
        let values: [String]

        init(_ name: Name, _ labels: KeyValuePairs<String, String>) {
            self.name = name
            self.labels = labels.map(\.key)
            values = labels.map(\.value)
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(name.name)
            for value in values { hasher.combine(value) }
        }

        static func < (a: Series, b: Series) -> Bool { (a.name.name, a.text) < (b.name.name, b.text) }

        var text: String { zip(labels, values).map { "\($0)=\"\(escaped($1))\"" }.joined(separator: ",") }
    }

    private struct Histogram {
        let bounds: [Double]
        var counts: [UInt64]
        var sum = 0.0

        init(bounds: [Double]) {
            self.bounds = bounds
            counts = Array(repeating: 0, count: bounds.count + 1)
        }

        mutating func observe(_ value: Double) {
            counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
            sum += value
        }
    }

    private struct State {
        var counters: [Series: Double] = [:]
        var histograms: [Series: Histogram] = [:]
    }

    private let state = Mutex(State())

    /// Seconds: from what an embedded read takes to what nobody waits for.
    package static let latencyBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    package init() {}

    package func count(_ name: Name, _ labels: KeyValuePairs<String, String> = [:], by amount: Double = 1) {
        let series = Series(name, labels)
        state.withLock { $0.counters[series, default: 0] += amount }
    }

    package func observe(
        _ name: Name, _ labels: KeyValuePairs<String, String> = [:], _ value: Double,
        bounds: [Double] = latencyBounds
    ) {
        let series = Series(name, labels)
        state.withLock { $0.histograms[series, default: Histogram(bounds: bounds)].observe(value) }
    }

    package typealias Gauge = (name: Name, labels: KeyValuePairs<String, String>, value: Double)

    /// Everything as text; `gauges` are read for the occasion. The format wants those of one name together.
    package func exposition(gauges: [Gauge]) -> String {
        let (counters, histograms) = state.withLock { ($0.counters, $0.histograms) }
        var text = ""
        var last: Name?
        func begin(_ name: Name, _ type: String) {
            if name != last { text += Self.header(name, type) }
            last = name
        }
        for (series, value) in counters.sorted(by: { $0.key < $1.key }) {
            begin(series.name, "counter")
            text += Self.line(series.name.name, series.text, value)
        }
        for (series, histogram) in histograms.sorted(by: { $0.key < $1.key }) {
            begin(series.name, "histogram")
            text += Self.lines(series.name.name, series.text, histogram)
        }
        let names = gauges.map(\.name).reduce(into: [Name]()) { if !$0.contains($1) { $0.append($1) } }
        for gauge in names.flatMap({ name in gauges.filter { $0.name == name } }) {
            begin(gauge.name, "gauge")
            text += Self.line(gauge.name.name, Series(gauge.name, gauge.labels).text, gauge.value)
        }
        return text
    }

    private static func header(_ name: Name, _ type: String) -> String {
        "# HELP \(name.name) \(name.help)\n# TYPE \(name.name) \(type)\n"
    }

    private static func line(_ name: String, _ labels: String, _ value: Double) -> String {
        "\(name)\(labels.isEmpty ? "" : "{\(labels)}") \(number(value))\n"
    }

    private static func lines(_ name: String, _ labels: String, _ histogram: Histogram) -> String {
        let separator = labels.isEmpty ? "" : ","
        var text = ""
        var total: UInt64 = 0
        for (index, count) in histogram.counts.enumerated() {
            total += count
            let bound = index < histogram.bounds.count ? number(histogram.bounds[index]) : "+Inf"
            text += "\(name)_bucket{\(labels)\(separator)le=\"\(bound)\"} \(total)\n"
        }
        return text + line("\(name)_sum", labels, histogram.sum) + line("\(name)_count", labels, Double(total))
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }
}

/// A label's value as the format wants it.
private func escaped(_ value: String) -> String {
    // By scalars: a character may be a quote or a line's end together with something else.
    var text = ""
    for scalar in value.unicodeScalars {
        switch scalar {
        case "\\": text += "\\\\"
        case "\"": text += "\\\""
        case "\n": text += "\\n"
        default: text.unicodeScalars.append(scalar)
        }
    }
    return text
}
