package import FleetDomain
internal import HTTPTypes

extension EdgeRequest {
    /// The one of `produced` that the caller likes best, the first of equals; all of them without an `Accept`.
    ///
    /// A caller that accepts only `application/problem+json` accepts JSON too: it has named what an API like this one
    /// answers with.
    /// - Throws: `not_acceptable` when there is none.
    @discardableResult
    package func negotiate(_ produced: String...) throws(FleetError) -> String {
        // What nearly every client sends is not looked at any closer.
        guard let accept = headers[.accept], accept != "*/*", !(accept == produced[0]) else { return produced[0] }
        let ranges = accept.split(separator: ",").compactMap { MediaRange(trimmed($0)) }
        var best: (type: String, quality: Int)?
        for type in produced {
            var quality = quality(of: type, in: ranges)
            if type == "application/json" {
                quality = quality ?? self.quality(of: "application/problem+json", in: ranges)
            }
            if let quality, quality > best?.quality ?? 0 { best = (type, quality) }
        }
        guard let best else {
            throw FleetError(.notAcceptable, "This can be had as \(produced.joined(separator: " or ")) only.")
        }
        return best.type
    }

    /// The quality that the closest range gives `type`; nil when none covers it.
    private func quality(of type: String, in ranges: [MediaRange]) -> Int? {
        var closest: (coverage: MediaRange.Coverage, quality: Int)?
        for range in ranges {
            let coverage = range.covers(type)
            if coverage > closest?.coverage ?? .not { closest = (coverage, range.quality) }
        }
        return closest?.quality
    }
}
