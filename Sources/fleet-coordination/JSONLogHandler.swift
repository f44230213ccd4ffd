import FleetDomain
import FleetJSON
import FleetService
import Foundation
import Logging

/// Writes each log line as one JSON object to standard error.
struct JSONLogHandler: LogHandler {
    private let label: String
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    init(label: String, level: Logger.Level) {
        self.label = label
        logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var writer = JSONWriter(capacity: 384)
        writer.beginObject()
        writer.field("time", Environment.system.now().description)
        writer.field("level", event.level.rawValue)
        writer.field("message", event.message.description)
        writer.field("logger", label)
        let all = event.metadata.map { metadata.merging($0) { _, new in new } } ?? metadata
        for (name, value) in all.sorted(by: { $0.key < $1.key }) {
            writer.key(string: name)
            write(value, to: &writer)
        }
        writer.endObject()
        let line = writer.bytes + [UInt8(ascii: "\n")]
        // One call a line: lines of several threads do not mix.
        _ = line.withUnsafeBytes { Foundation.write(2, $0.baseAddress, $0.count) }
    }

    private func write(_ value: Logger.MetadataValue, to writer: inout JSONWriter) {
        switch value {
        case .string(let text): writer.value(text)
        case .stringConvertible(let number as Int): writer.value(number)
        case .stringConvertible(let number as Double): writer.value(number)
        case .stringConvertible(let other): writer.value(other.description)
        case .array(let values):
            writer.beginArray()
            for value in values { write(value, to: &writer) }
            writer.endArray()
        case .dictionary(let values):
            writer.beginObject()
            for (name, value) in values.sorted(by: { $0.key < $1.key }) {
                writer.key(string: name)
                write(value, to: &writer)
            }
            writer.endObject()
        }
    }
}
