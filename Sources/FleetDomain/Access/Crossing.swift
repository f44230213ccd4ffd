/// An attempt to cross from one owner's side to another's: denied, or done with a platform administrator's
/// privilege. One record stands for `count` of them by one principal towards one owner in one minute.
package struct Crossing: Sendable, Equatable {
    package let principal: String
    /// Whose data or resources were asked for, and who may read this record.
    package let protected: Fleet.ID
    /// What was tried first, as its permission.
    package let action: String
    /// The path of the first request, without its query.
    package let object: String
    package let count: Int64
    package let dryRun: Bool

    package init(
        principal: String, protected: Fleet.ID, action: String, object: String, count: Int64, dryRun: Bool
    ) {
        self.principal = principal
        self.protected = protected
        self.action = action
        self.object = object
        self.count = count
        self.dryRun = dryRun
    }
}

extension Crossing: Record {
    package static var fields: [StaticString] {
        ["principal", "protected_fleet_id", "action", "object", "count", "dry_run"]
    }

    package var values: [FieldValue] {
        [.text(principal), .name(protected), .text(action), .text(object), .integer(count), .bool(dryRun)]
    }

    package init(reading reader: inout RecordReader) throws(RecordError) {
        principal = try reader.text()
        protected = try reader.name()
        action = try reader.text()
        object = try reader.text()
        count = try reader.integer()
        dryRun = try reader.bool()
    }
}
