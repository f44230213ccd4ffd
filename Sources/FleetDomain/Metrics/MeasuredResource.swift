/// What of a resource is measured, as it is since `updatedAt`.
package struct MeasuredResource: Sendable, Equatable {
    package let key: Resource.Key
    package let type: ResourceType
    package let capacity: Int64
    package let status: ResourceStatus
    package let version: Int64
    package let updatedAt: Timestamp

    package init(
        key: Resource.Key, type: ResourceType, capacity: Int64, status: ResourceStatus, version: Int64,
        updatedAt: Timestamp
    ) {
        self.key = key
        self.type = type
        self.capacity = capacity
        self.status = status
        self.version = version
        self.updatedAt = updatedAt
    }

    package init(_ resource: Resource) {
        self.init(
            key: resource.key, type: resource.type, capacity: resource.capacity, status: resource.status,
            version: resource.version, updatedAt: resource.updatedAt)
    }

    package var offered: Int64 { status == .available ? capacity : 0 }

    /// Whether it was before `time`, or is since it exists, what it is now.
    package func isUnchanged(since time: Timestamp) -> Bool { version == 1 || updatedAt < time }
}
