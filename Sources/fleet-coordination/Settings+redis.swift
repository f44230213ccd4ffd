import FleetService
import Foundation
import RedisBackend

extension Settings {
    static let redisVariables = [
        "REDIS_ADDR", "REDIS_SENTINELS", "REDIS_MASTER_NAME", "REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_PASSWORD_FILE",
        "REDIS_TLS", "REDIS_CA_FILE", "REDIS_DATABASE", "REDIS_KEY_PREFIX",
    ]
    /// As many databases as any server is set up with.
    private static let databases = 0...65_535
    private static let prefixMax = 64

    /// nil when neither servers nor Sentinels are named.
    static func redis(_ values: [String: String]) throws(SettingsError) -> RedisOptions? {
        var options = RedisOptions()
        switch (values["REDIS_ADDR"], values["REDIS_SENTINELS"]) {
        case (nil, nil):
            // One without the other is most likely a slip.
            if let name = redisVariables.first(where: { values[$0] != nil }) {
                throw SettingsError(name, "needs company; set REDIS_ADDR, or REDIS_SENTINELS and REDIS_MASTER_NAME")
            }
            return nil
        case (_?, _?):
            throw SettingsError("REDIS_ADDR", "and REDIS_SENTINELS exclude each other; set one of them")
        case (let text?, nil):
            guard values["REDIS_MASTER_NAME"] == nil else {
                throw SettingsError(
                    "REDIS_MASTER_NAME", "is what Sentinels call the master; set REDIS_SENTINELS with it")
            }
            options.addresses = try addresses(text, named: "REDIS_ADDR", port: 6379)
        case (nil, let text?):
            guard let master = values["REDIS_MASTER_NAME"] else {
                throw SettingsError("REDIS_SENTINELS", "needs company; set REDIS_MASTER_NAME with it")
            }
            options.sentinels = RedisOptions.Sentinels(
                addresses: try addresses(text, named: "REDIS_SENTINELS", port: 26_379), master: master)
        }
        options.username = values["REDIS_USERNAME"]
        options.password = try secret(values, "REDIS_PASSWORD").map(RedisOptions.Password.init)
        guard options.username == nil || options.password != nil else {
            throw SettingsError("REDIS_USERNAME", "needs company; set REDIS_PASSWORD with it")
        }
        options.tls = try tls(values)
        options.database = try database(values["REDIS_DATABASE"]) ?? options.database
        options.prefix = try prefix(values["REDIS_KEY_PREFIX"]) ?? options.prefix
        return options
    }

    private static func addresses(
        _ text: String, named name: String, port usual: Int
    ) throws(SettingsError) -> [ServerAddress] {
        guard let addresses = ServerAddress.list(text, port: usual) else {
            throw SettingsError(name, "is not usable; write HOST:PORT, several with commas between them")
        }
        return addresses
    }

    private static func tls(_ values: [String: String]) throws(SettingsError) -> RedisOptions.TLS? {
        guard try flag(values, "REDIS_TLS") ?? false else {
            guard values["REDIS_CA_FILE"] == nil else {
                throw SettingsError("REDIS_CA_FILE", "is for connections with TLS; set REDIS_TLS=true with it")
            }
            return nil
        }
        do { return try RedisOptions.TLS(authorities: values["REDIS_CA_FILE"]) } catch {
            throw SettingsError("REDIS_CA_FILE", "does not hold a certificate in PEM, or cannot be read")
        }
    }

    private static func database(_ text: String?) throws(SettingsError) -> Int? {
        guard let text else { return nil }
        guard let number = Int(text), databases.contains(number) else {
            throw SettingsError("REDIS_DATABASE", "is not usable; write a number, 0 for the first")
        }
        return number
    }

    private static func prefix(_ text: String?) throws(SettingsError) -> String? {
        guard let text else { return nil }
        guard text.utf8.count <= prefixMax, text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw SettingsError(
                "REDIS_KEY_PREFIX", "is not usable; write at most \(prefixMax) visible ASCII characters")
        }
        return text
    }
}
