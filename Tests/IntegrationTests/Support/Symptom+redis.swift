import Foundation

extension Symptom {
    private static let server = ["REDIS_ADDR": "127.0.0.1:1"]

    private static func refused(_ name: String, _ more: [String: String], _ complaint: String) -> Symptom {
        refusedStart(name, server.merging(more) { $1 }, complaint)
    }

    static let redis: [Symptom] = [
        refused(
            "a Redis without a host", ["REDIS_ADDR": "a:1,:2"],
            "REDIS_ADDR is not usable; write HOST:PORT, several with commas between them."),
        refused(
            "a Redis as a URL", ["REDIS_ADDR": "redis://a:1"],
            "REDIS_ADDR is not usable; write HOST:PORT, several with commas between them."),
        refused(
            "a Redis at no port", ["REDIS_ADDR": "[::1]:70000"],
            "REDIS_ADDR is not usable; write HOST:PORT, several with commas between them."),
        refused(
            "servers and Sentinels", ["REDIS_SENTINELS": "a:1", "REDIS_MASTER_NAME": "main"],
            "REDIS_ADDR and REDIS_SENTINELS exclude each other; set one of them."),
        refused(
            "Sentinels at no port", ["REDIS_ADDR": "", "REDIS_SENTINELS": "a:b", "REDIS_MASTER_NAME": "main"],
            "REDIS_SENTINELS is not usable; write HOST:PORT, several with commas between them."),
        refused(
            "Sentinels of no master", ["REDIS_ADDR": "", "REDIS_SENTINELS": "a:1"],
            "REDIS_SENTINELS needs company; set REDIS_MASTER_NAME with it."),
        refused(
            "a master without Sentinels", ["REDIS_MASTER_NAME": "main"],
            "REDIS_MASTER_NAME is what Sentinels call the master; set REDIS_SENTINELS with it."),
        refused(
            "a password for no Redis", ["REDIS_ADDR": "", "REDIS_PASSWORD": "p"],
            "REDIS_PASSWORD needs company; set REDIS_ADDR, or REDIS_SENTINELS and REDIS_MASTER_NAME."),
        refused(
            "a user without a password", ["REDIS_USERNAME": "u"],
            "REDIS_USERNAME needs company; set REDIS_PASSWORD with it."),
        refused(
            "a password of Redis in a file that is not there", ["REDIS_PASSWORD_FILE": "/nowhere/password"],
            "REDIS_PASSWORD_FILE names a file that cannot be read."),
        refused(
            "an authority without TLS", ["REDIS_CA_FILE": "/nowhere/ca.crt"],
            "REDIS_CA_FILE is for connections with TLS; set REDIS_TLS=true with it."),
        refused(
            "an authority that is none", ["REDIS_TLS": "true", "REDIS_CA_FILE": "/nowhere/ca.crt"],
            "REDIS_CA_FILE does not hold a certificate in PEM, or cannot be read."),
        refused(
            "a database of Redis in words", ["REDIS_DATABASE": "first"],
            "REDIS_DATABASE is not usable; write a number, 0 for the first."),
        refused(
            "a prefix with a space", ["REDIS_KEY_PREFIX": "a b"],
            "REDIS_KEY_PREFIX is not usable; write at most 64 visible ASCII characters."),
    ]
}
