/// A calendar that a lease would have to fit into, and the most that may be promised there beside it.
struct Room {
    let calendar: Calendar
    let ceiling: Int64
}

extension [Room] {
    /// Windows tried in one search; one that is cut short says less, not something false.
    private static var triesMax: Int { 1000 }

    /// Up to `count` windows of `length` seconds that fit into all rooms, begin at or after `earliest`, end by
    /// `latest` and do not overlap one another.
    func windows(of length: Seconds, from earliest: Timestamp, until latest: Timestamp, count: Int) -> [Window] {
        var found: [Window] = []
        var start = earliest
        // Rooms in a row that the window has been seen to fit into.
        var fits = 0
        for _ in 0..<Self.triesMax where found.count < count {
            for room in self where fits < self.count {
                let gap = room.calendar.gaps(of: length, atMost: room.ceiling, from: start, until: latest, count: 1)
                guard let next = gap.first?.start else { return found }
                fits = next == start ? fits + 1 : 1
                start = next
            }
            if fits >= self.count {
                found.append(Window(start: start, end: start + length))
                start = start + length
                fits = 0
            }
        }
        return found
    }
}
