import ClickHouseBackend
import NIOSSL

extension Settings {
    static let clickHouseVariables = [
        "CLICKHOUSE_ADDR", "CLICKHOUSE_USERNAME", "CLICKHOUSE_PASSWORD", "CLICKHOUSE_PASSWORD_FILE",
        "CLICKHOUSE_DATABASE", "CLICKHOUSE_CA_FILE", "CLICKHOUSE_RETENTION_DAYS",
    ]

    /// From a month, so that one can be asked for, to ten years: that and `ClickHouseSchema.daysUnderWay` more is not to
    /// reach the end of the time in seconds that ClickHouse counts expiries in, the year 2106.
    private static let retentionDays = 31...3650

    static func clickHouse(_ values: [String: String]) throws(SettingsError) -> ClickHouseSettings? {
        guard let text = values["CLICKHOUSE_ADDR"] else {
            if let stray = clickHouseVariables.first(where: { values[$0] != nil }) {
                throw SettingsError(stray, "is of no use without CLICKHOUSE_ADDR; set that, too")
            }
            return nil
        }
        var settings = ClickHouseSettings(addresses: try addresses(text))
        settings.username = values["CLICKHOUSE_USERNAME"] ?? settings.username
        settings.database = values["CLICKHOUSE_DATABASE"] ?? settings.database
        let password = try secret(values, "CLICKHOUSE_PASSWORD")
        for (name, text) in [("CLICKHOUSE_USERNAME", settings.username), ("CLICKHOUSE_PASSWORD", password ?? "")] {
            // They are sent in headers.
            guard text.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) else {
                throw SettingsError(name, "is not usable; write printable ASCII characters")
            }
        }
        settings.password = password ?? settings.password
        if let path = values["CLICKHOUSE_CA_FILE"] {
            guard settings.addresses.allSatisfy(\.usesTLS) else {
                throw SettingsError("CLICKHOUSE_CA_FILE", "needs addresses that begin with https://")
            }
            guard let certificates = try? NIOSSLCertificate.fromPEMFile(path), !certificates.isEmpty else {
                throw SettingsError("CLICKHOUSE_CA_FILE", "names a file that holds no certificate in PEM format")
            }
            settings.trustRoots = .certificates(certificates)
        }
        settings.retentionDays =
            try number(values, "CLICKHOUSE_RETENTION_DAYS", retentionDays, of: "days") ?? settings.retentionDays
        return settings
    }

    private static func addresses(_ text: String) throws(SettingsError) -> [ClickHouseSettings.Address] {
        var addresses: [ClickHouseSettings.Address] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let address = ClickHouseSettings.Address(part.filter { $0 != " " }) else {
                throw SettingsError(
                    "CLICKHOUSE_ADDR",
                    "is not usable; write HOST:PORT or https://HOST:PORT, several with commas between, and no password")
            }
            addresses.append(address)
        }
        return addresses
    }
}
