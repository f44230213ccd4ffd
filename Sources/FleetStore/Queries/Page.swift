/// Rows of one page of a list, and whether more follow.
package struct Page<Row: Sendable>: Sendable {
    package let rows: [Row]
    package let hasMore: Bool

    package init(rows: [Row], hasMore: Bool) {
        self.rows = rows
        self.hasMore = hasMore
    }

    /// - Parameter found: one row more than `size`, if there is one.
    package init(found: [Row], size: Int) {
        rows = Array(found.prefix(size))
        hasMore = found.count > size
    }
}
