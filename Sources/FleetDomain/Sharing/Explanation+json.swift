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
        json.field("estimated_wait_seconds", estimatedWait)
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

extension Explanation {
    /// As `write` writes it.
    var text: String {
        var writer = JSONWriter(capacity: 512)
        write(to: &writer)
        return writer.string
    }

    /// Reads what `write` wrote.
    init?(json: JSON) {
        guard let object = json.objectValue, let code = object["code"]?.stringValue,
            let step = object["step"]?.stringValue, let summary = object["summary"]?.stringValue
        else { return nil }
        let windows = object["nearest_windows"]?.arrayValue ?? []
        self.init(
            code: code, step: step, summary: summary,
            constraint: object["constraint"]?.objectValue.flatMap(Constraint.init(object:)),
            considered: object["considered"]?.integerValue.map(Int.init) ?? 0,
            rejected: (object["rejected"]?.objectValue?.members ?? []).reduce(into: [:]) { counts, member in
                counts[member.key] = member.value.integerValue.map(Int.init)
            }, counterfactual: object["counterfactual"]?.objectValue.flatMap(Counterfactual.init(object:)),
            nearestWindows: windows.compactMap(Window.init(json:)),
            searchedUntil: object["searched_until"]?.stringValue.flatMap { Timestamp($0) },
            estimatedWait: object["estimated_wait_seconds"]?.integerValue)
    }
}

extension Explanation.Constraint {
    fileprivate init?(object: JSONObject) {
        guard let code = object["code"]?.stringValue else { return nil }
        self.init(code: code, limit: object["limit"]?.integerValue)
    }
}

extension Explanation.Counterfactual {
    fileprivate init?(object: JSONObject) {
        guard let sentence = object["sentence"]?.stringValue, let changes = object["changes"]?.arrayValue else {
            return nil
        }
        self.init(
            changes: changes.compactMap { change in
                guard let field = change.objectValue?["field"]?.stringValue,
                    let value = change.objectValue?["value"]?.stringValue
                else { return nil }
                return (field: field, value: value)
            }, sentence: sentence)
    }
}

extension Window {
    fileprivate init?(json: JSON) {
        guard let start = json.objectValue?["starts_at"]?.stringValue.flatMap({ Timestamp($0) }),
            let end = json.objectValue?["ends_at"]?.stringValue.flatMap({ Timestamp($0) }), start < end
        else { return nil }
        self.init(start: start, end: end)
    }
}
