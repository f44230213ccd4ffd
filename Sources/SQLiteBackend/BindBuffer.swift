/// Holds the text and bytes of one statement while it runs, at addresses that do not move.
///
/// SQLite can copy each value itself, with an allocation a value; this is one `memcpy` a value and, once
/// grown, no allocation.
struct BindBuffer: ~Copyable {
    /// What is kept between statements; a larger statement gets its own memory, given back after it.
    private static let keptBytesMax = 1 << 20

    private var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
    private var used = 0

    deinit { memory.deallocate() }

    /// Makes room for a statement with `byteCount` bytes, and ends what an earlier statement still points to.
    mutating func begin(byteCount: Int) {
        used = 0
        let isTooSmall = memory.count < byteCount
        let isWasteful = memory.count > Self.keptBytesMax && byteCount <= Self.keptBytesMax
        guard isTooSmall || isWasteful else { return }
        memory.deallocate()
        memory = .allocate(byteCount: max(4096, byteCount), alignment: 16)
    }

    /// Copies `bytes`; the address holds until the next `begin`, and is never nil, which SQLite takes for NULL.
    mutating func keep(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawPointer? {
        let end = used + bytes.count
        UnsafeMutableRawBufferPointer(rebasing: memory[used..<end]).copyMemory(from: bytes)
        defer { used = end }
        return memory.baseAddress.map { UnsafeRawPointer($0 + used) }
    }
}
