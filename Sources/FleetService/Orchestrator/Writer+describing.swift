import FleetDomain
import Logging

extension Writer {
    /// A decision as the log has it at `debug`.
    func describe(_ answer: Answer, events: Int64, _ duration: Duration) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            "operation": "\(answer.letter.command.operation)", "request_id": "\(answer.letter.command.requestID)",
            "events": "\(events)", "duration_ms": "\(duration / .milliseconds(1))",
        ]
        switch answer.result {
        case .success(.decided): metadata["outcome"] = "decided"
        case .success(.replayed): metadata["outcome"] = "replayed"
        case .failure(let error):
            metadata["outcome"] = "\(error.code.rawValue)"
            if let explanation = error.explanation { metadata["step"] = "\(explanation.step)" }
        }
        return metadata
    }
}
