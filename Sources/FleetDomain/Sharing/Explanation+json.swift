package import FleetDomain
package import FleetJSON

extension Explanation {
    /// Writes the `explanation` object of the API.
    package func write(to json: inout JSONWriter) {
        json.beginObject()
        json.field("code", code)
        json.field("step", step)
        json.field("summary", summary)
        if let constraint { constraint.write(to: &json) }
        json.field("considered", considered)
        writeRejected(to: &json)
        if let counterfactual { counterfactual.write(to: &json) }
        writeNearestWindows(to: &json)
        json.field("searched_until", searchedUntil?.description)
        json.endObject()
    }

    private func writeRejected(to json: inout JSONWriter) {
        json.key("rejected")
        json.beginObject()
        for (reason, count) in rejected.sorted(by: { $0.key < $1.key }) {
            json.key(string: reason)
            json.value(count)
        }
        json.endObject()
    }

    private func writeNearestWindows(to json: inout JSONWriter) {
        json.key("nearest_windows")
        json.beginArray()
        for window in nearestWindows {
            json.beginObject()
            json.field("starts_at", window.start.description)
            json.field("ends_at", window.end.description)
            json.endObject()
        }
        json.endArray()
    }
}

extension Explanation.Constraint {
    fileprivate func write(to json: inout JSONWriter) {
        json.key("constraint")
        json.beginObject()
        json.field("code", code)
        json.field("limit", limit)
        json.endObject()
    }
}

extension Explanation.Counterfactual {
    /// A single change is written flat as well, which is all that most readers need.
    fileprivate func write(to json: inout JSONWriter) {
        json.key("counterfactual")
        json.beginObject()
        if changes.count == 1, let change = changes.first {
            json.field("field", change.field)
            json.field("value", change.value)
        }
        json.field("sentence", sentence)
        json.key("changes")
        json.beginArray()
        for change in changes {
            json.beginObject()
            json.field("field", change.field)
            json.field("value", change.value)
            json.endObject()
        }
        json.endArray()
        json.endObject()
    }
}
