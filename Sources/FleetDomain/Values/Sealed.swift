package import FleetJSON

/// Text of a person, of which the ledger, the log and the tables hold the ciphertext alone.
///
/// A data key of the fleet that it belongs to opens it; with that key gone it is gone, wherever it was copied to.
package struct Sealed: Sendable, Equatable {
    /// Which data key of the fleet.
    package let generation: Int64
    /// The event that it was sealed for and is bound to: elsewhere it does not open.
    package let event: Event.ID
    /// Nonce, ciphertext and tag, in base64.
    package let box: String

    package init(generation: Int64, event: Event.ID, box: String) {
        self.generation = generation
        self.event = event
        self.box = box
    }
}

extension Sealed {
    package var json: JSON {
        .object(["generation": .integer(generation), "event_id": .string(event.description), "box": .string(box)])
    }

    /// Reads what `json` wrote.
    package init(json: JSON) throws(RecordError) {
        guard let object = json.objectValue, let generation = object["generation"]?.integerValue,
            let event = object["event_id"]?.stringValue.flatMap(Event.ID.init), let box = object["box"]?.stringValue
        else { throw RecordError(field: "sealed") }
        self.init(generation: generation, event: event, box: box)
    }
}
