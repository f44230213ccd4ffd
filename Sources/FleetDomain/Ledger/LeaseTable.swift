/// Leases by their ids. Each lies by itself, so that the room which a growing table keeps free is for references and not
/// for leases.
package struct LeaseTable: Sendable, Equatable {
    private final class Box: Sendable {
        let lease: Lease

        init(_ lease: Lease) { self.lease = lease }
    }

    private var boxes: [Lease.ID: Box] = [:]

    package init() {}

    package var count: Int { boxes.count }
    package var isEmpty: Bool { boxes.isEmpty }
    package var keys: some Sequence<Lease.ID> & Sendable { boxes.keys }
    package var values: some Collection<Lease> { boxes.values.lazy.map(\.lease) }

    package subscript(id: Lease.ID) -> Lease? {
        get { boxes[id]?.lease }
        set { boxes[id] = newValue.map(Box.init) }
    }

    package static func == (a: LeaseTable, b: LeaseTable) -> Bool {
        a.count == b.count && a.boxes.allSatisfy { b[$0.key] == $0.value.lease }
    }
}
