import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import Hummingbird

/// Where a page begins and how long it is.
struct PageRequest {
    let size: Int
    /// The last key of the page before; nil for the first page.
    let after: String?

    func after<Key: LosslessStringConvertible>(_: Key.Type) -> Key? { after.flatMap { Key($0) } }
}

extension Call {
    private static let pageSizeDefault = 50

    /// - Throws: `invalid_page_token` for one that was given out for another list, query or owner of fleets.
    func page() throws(FleetError) -> PageRequest {
        let size = query["page_size"].flatMap { Int($0) } ?? Self.pageSizeDefault
        guard let token = query["page_token"] else { return PageRequest(size: size, after: nil) }
        guard let after = api.sealer.open(token, for: pagePurpose) else {
            throw FleetError(.invalidPageToken, "The page token does not belong to this list and query.")
        }
        return PageRequest(size: size, after: after)
    }

    /// A token continues the same list, with the same query, for whoever acts for the same fleets.
    private var pagePurpose: String {
        let asked = endpoint.parameters.map(\.name).filter { $0 != "page_token" && $0 != "page_size" }
            .compactMap { name in query[name].map { "\(name)=\($0.utf8.count):\($0)" } }
        let scope =
            principal.fleets.map(\.description).sorted() + principal.federations.map(\.description).sorted()
            + principal.roles.map(\.rawValue).sorted()
        return (["page", path] + asked + ["for"] + scope).joined(separator: "\n")
    }

    /// A token for what follows `key` in this list.
    func pageToken(after key: String) -> String { api.sealer.seal(key, for: pagePurpose) }

    /// A page of a list: `{"<name>":[…],"next_page_token":"…"}`.
    func answer<Row>(
        _ name: StaticString, _ page: Page<Row>, next: (Row) -> String,
        also extra: (inout JSONWriter) -> Void = { _ in }, _ write: (Row, inout JSONWriter) -> Void
    ) throws(FleetError) -> Response {
        var writer = JSONWriter(capacity: 512 * (page.rows.count + 1))
        writer.beginObject()
        writer.key(name)
        writer.beginArray()
        for row in page.rows { write(row, &writer) }
        writer.endArray()
        extra(&writer)
        if page.hasMore, let last = page.rows.last {
            writer.field("next_page_token", pageToken(after: next(last)))
        }
        writer.endObject()
        return try answer(writer.bytes, isObject: false)
    }
}
