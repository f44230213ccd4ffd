internal import FleetDomain

/// The instant as an IMF-fixdate (RFC 9110, 5.6.7): `Sat, 31 Jan 2026 09:00:00 GMT`.
func httpDate(_ time: Timestamp) -> String {
    let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    // `YYYY-MM-DDTHH:MM:SS.sssZ`
    let text = time.description.utf8.map { String(Unicode.Scalar($0)) }
    func digits(_ range: Range<Int>) -> String { text[range].joined() }
    let weekday = weekdays[Int(time.milliseconds / 86_400_000) % 7]
    let month = months[(Int(digits(5..<7)) ?? 1) - 1]
    return "\(weekday), \(digits(8..<10)) \(month) \(digits(0..<4)) \(digits(11..<19)) GMT"
}
