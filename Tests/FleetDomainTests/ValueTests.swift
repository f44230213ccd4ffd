import FleetDomain
import FleetTestSupport
import Foundation
import Testing

@Suite("Values")
struct ValueTests {
    @Test(
        "A time is read in every form of RFC 3339 and written in one",
        arguments: [
            ("2026-01-31T09:00:00.000Z", "2026-01-31T09:00:00.000Z"),
            ("2026-01-31T09:00:00Z", "2026-01-31T09:00:00.000Z"),
            ("2026-01-31t09:00:00.5z", "2026-01-31T09:00:00.500Z"),
            ("2026-01-31T09:00:00.1239999999Z", "2026-01-31T09:00:00.123Z"),
            ("2026-01-31T09:00:00+01:30", "2026-01-31T07:30:00.000Z"),
            ("2026-01-31T23:30:00-01:00", "2026-02-01T00:30:00.000Z"),
            ("2026-01-31T09:00:00-00:00", "2026-01-31T09:00:00.000Z"),
            ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"),
            ("2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ])
    func times(text: String, written: String) throws {
        let read: Timestamp? = Timestamp(text)
        let time = try #require(read)
        #expect(time.description == written)
        #expect(Timestamp(written) == time)
    }

    @Test(
        "What is no time of the years 1970 to 9999 is not read as one",
        arguments: [
            "", "2026-01-31", "2026-01-31T09:00:00", "2026-01-31 09:00:00Z", "2026-1-31T09:00:00Z",
            "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-00-10T00:00:00Z",
            "2026-13-10T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T09:60:00Z",
            "2026-01-31T09:00:60Z", "2026-01-31T09:00:00.Z", "2026-01-31T09:00:00,5Z", "2026-01-31T09:00:00+1:00",
            "2026-01-31T09:00:00+24:00", "2026-01-31T09:00:00+01:60", "2026-01-31T09:00:00Z ", " 2026-01-31T09:00:00Z",
            "2026-01-31T09:00:00ZZ", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
            "10000-01-01T00:00:00Z", "+2026-01-31T09:00:00Z", "２026-01-31T09:00:00Z", "2026-01-31T09:00:00.١Z",
        ])
    func noTimes(text: String) { #expect(Timestamp(text) == nil) }

    @Test("Ten thousand instants are written as Foundation writes them, and read back")
    func asFoundation() throws {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        for seed in Generator.seeds(1) {
            var random = Generator(seed: seed)
            for _ in 0..<10_000 {
                let time = random.timestamp()
                // Whole seconds, and the fraction by hand: a Date cannot hold every millisecond of the year 9999.
                let date = Date(timeIntervalSince1970: Double(time.milliseconds / 1000))
                let fraction = String(1000 + time.milliseconds % 1000).dropFirst()
                #expect(time.description == date.formatted(style).dropLast(4) + fraction + "Z", "seed \(seed)")
                #expect(Timestamp(time.description) == time, "seed \(seed)")
            }
        }
    }

    @Test("An id is read in either case and written in lower case")
    func ids() {
        let text = "01890a5d-ac96-774b-bcce-b302099a8057"
        #expect(Lease.ID(text)?.description == text)
        #expect(Lease.ID(text.uppercased())?.description == text)
        #expect(Lease.ID(text)?.raw == 0x0189_0a5d_ac96_774b_bcce_b302_099a_8057)
        var random = Generator(seed: 1)
        for _ in 0..<1000 {
            let id = Lease.ID(raw: UInt128(random.next()) << 64 | UInt128(random.next()))
            #expect(id.description == UUID(uuidString: id.description)?.uuidString.lowercased())
            #expect(Lease.ID(id.description) == id)
        }
    }

    @Test(
        "What is no canonical UUID is not read as an id",
        arguments: [
            "", "01890a5dac96774bbcceb302099a8057", "01890a5d-ac96-774b-bcce-b302099a805",
            "{01890a5d-ac96-774b-bcce-b302099a8057}",
            "01890a5d-ac96-774b-bcce-b302099a80577", "01890a5d-ac96-774b-bcce-b302099a805g",
            "01890a5da-c96-774b-bcce-b302099a8057",
            "01890a5d-ac96-774b-bcce-b302099a8057 ", "01890a5d_ac96_774b_bcce_b302099a8057",
            "01890a5d-ac96-774b-bcce-b302099a80５7",
        ])
    func noIDs(text: String) { #expect(Lease.ID(text) == nil) }

    @Test("A name is up to 64 ASCII letters, digits and . _ : -, and begins with a letter or digit")
    func names() {
        for text in ["a", "Z", "0", "a.b_c:d-e", String(repeating: "x", count: 64)] {
            #expect(Fleet.ID(text)?.description == text)
        }
        let wrong = [
            "", ".a", "-a", "_a", ":a", "a b", "a/b", "a\n", "é", "e\u{301}", "a\u{0}", "*", "ａ", "a\u{200D}",
            String(repeating: "x", count: 65),
        ]
        for text in wrong { #expect(Fleet.ID(text) == nil, "\(text.debugDescription)") }
        // As bytes, not as a language sorts.
        let sorted = ["-", ".", "0", "9", ":", "A", "Z", "_", "a", "z"].compactMap { Fleet.ID("x" + $0) }
        #expect(sorted.shuffled().sorted() == sorted)
    }

    @Test("Made ids are UUIDs of version 7, in the order of their times, and the same for the same seed")
    func idSource() {
        var seen: Set<UInt128> = []
        var random = Generator(seed: 3)
        var last = Lease.ID(raw: 0)
        var time = Timestamp(milliseconds: 0)
        for _ in 0..<1000 {
            time = Timestamp(milliseconds: time.milliseconds + 1 + random.spread(upTo: 1_000_000_000))
            let (seed, salt) = (random.next(), random.next())
            var source = IDSource(seed: seed, random: salt)
            var twin = source
            for _ in 0..<3 {
                let id: Lease.ID = source.next(at: time)
                #expect(id.raw >> 76 & 0xf == 7)
                #expect(id.raw >> 62 & 0b11 == 0b10)
                #expect(id.raw >> 80 == UInt128(time.milliseconds))
                #expect(id.raw >> 80 == last.raw >> 80 || id > last)
                #expect(twin.next(at: time) == id)
                #expect(seen.insert(id.raw).inserted)
                last = id
            }
        }
    }

    @Test("A window is half-open")
    func windows() {
        func window(_ start: Int64, _ end: Int64) -> Window {
            Window(start: Timestamp(milliseconds: start), end: Timestamp(milliseconds: end))
        }
        #expect(!window(0, 10).overlaps(window(10, 20)))
        #expect(!window(10, 20).overlaps(window(0, 10)))
        #expect(window(0, 11).overlaps(window(10, 20)))
        #expect(window(0, 30).overlaps(window(10, 20)))
        #expect(window(0, 10).contains(Timestamp(milliseconds: 0)))
        #expect(!window(0, 10).contains(Timestamp(milliseconds: 10)))
    }
}
