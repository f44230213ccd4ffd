import Foundation

extension Symptom {
    static let settings: [Symptom] = [
        refusedStart(
            "a port out of range", ["PORT": "99999"], "PORT is not a port; write a number from 1 to 65535."),
        refusedStart("a port in words", ["PORT": "abc"], "PORT is not a port; write a number from 1 to 65535."),
        refusedStart(
            "a metrics port out of range", ["METRICS_PORT": "0"],
            "METRICS_PORT is not a port; write a number from 1 to 65535."),
        refusedStart(
            "one port for both", ["PORT": "18999", "METRICS_PORT": "18999"],
            "METRICS_PORT equals PORT; write another port."),
        refusedStart(
            "an unknown log level", ["LOG_LEVEL": "loud"],
            "LOG_LEVEL is not a level; write one of trace, debug, info, notice, warning, error, critical."),
        refusedStart(
            "a slowness that is no number", ["SLOW_REQUEST_MS": "fast"],
            "SLOW_REQUEST_MS is not usable; write a number of milliseconds from 1 to 3600000."),
        refusedStart(
            "a slowness of nothing", ["SLOW_REQUEST_MS": "0"],
            "SLOW_REQUEST_MS is not usable; write a number of milliseconds from 1 to 3600000."),
        refusedStart(
            "a flag that is neither true nor false", ["REQUIRE_IF_MATCH": "yes"],
            "REQUIRE_IF_MATCH is not usable; write true or false."),
        refusedStart(
            "a database of another kind", ["DATABASE_URL": "mysql://host/fleet"],
            "DATABASE_URL is not usable; write sqlite://PATH, as in sqlite://data/fleet.db, or postgres://HOST/NAME."),
        refusedStart(
            "a database without a path", ["DATABASE_URL": "sqlite://"],
            "DATABASE_URL is not usable; write sqlite://PATH, as in sqlite://data/fleet.db, or postgres://HOST/NAME."),
        refusedStart(
            "a PostgreSQL address that is none", ["DATABASE_URL": "postgres://%zz/fleet"],
            "DATABASE_URL is not usable; write postgres://USER@HOST:PORT/NAME, special characters percent-encoded."),
        refusedStart(
            "a PostgreSQL's password with a slash", ["DATABASE_URL": "postgres://fleet:pass/word@127.0.0.1/fleet"],
            "DATABASE_URL is not usable; write postgres://USER@HOST:PORT/NAME, special characters percent-encoded."),
        refusedStart(
            "a PostgreSQL's password with an at", ["DATABASE_URL": "postgres://fleet:pass@word@127.0.0.1/fleet"],
            "DATABASE_URL is not usable; write postgres://USER@HOST:PORT/NAME, special characters percent-encoded."),
        refusedStart(
            "a PostgreSQL that nobody serves", ["DATABASE_URL": "postgres://127.0.0.1:9/fleet?connect_timeout=2"],
            "DATABASE_URL: connection to server at \"127.0.0.1\", port 9 failed: <reason>; "
                + "check that it runs, the host and the port."),
        refusedStart(
            "a pool of nothing", ["DATABASE_URL": "postgres://127.0.0.1/fleet", "DATABASE_POOL_SIZE": "0"],
            "DATABASE_POOL_SIZE is not usable; write a number of connections from 1 to 256."),
        refusedStart(
            "a replica's address without a host", ["REPLICA_URL": "8080"],
            "REPLICA_URL is not usable; write how other replicas reach this one: http://HOST:PORT."),
        refusedStart(
            "a directory that cannot be made", ["DATA_DIR": "/proc/fleet"],
            "DATA_DIR or DATABASE_URL names a directory that cannot be made: <path>."),
        refusedStart(
            "an administrator's key that is too short", ["ADMIN_API_KEY": "short"],
            "ADMIN_API_KEY is not usable; write 32 to 256 visible ASCII characters."),
        refusedStart(
            "an administrator's key with a space", ["ADMIN_API_KEY": String(repeating: "a b", count: 20)],
            "ADMIN_API_KEY is not usable; write 32 to 256 visible ASCII characters."),
        refusedStart(
            "an administrator's key in a file that is not there", ["ADMIN_API_KEY_FILE": "/nowhere/key"],
            "ADMIN_API_KEY_FILE names a file that cannot be read."),
        refusedStart(
            "a secret given twice",
            ["ADMIN_API_KEY": String(repeating: "k", count: 40), "ADMIN_API_KEY_FILE": "/nowhere/key"],
            "ADMIN_API_KEY is given twice; set either ADMIN_API_KEY or ADMIN_API_KEY_FILE."),
        refusedStart(
            "an encryption key in a file that is not there", ["ENCRYPTION_KEY_FILE": "/nowhere/key"],
            "ENCRYPTION_KEY_FILE names a file that cannot be read."),
        refusedStart(
            "an encryption key that is none", [:],
            "ENCRYPTION_KEY_FILE does not hold a key; write 32 random bytes in base64: openssl rand -base64 32."
        ) { directory in
            ["ENCRYPTION_KEY_FILE": try directory.write("short", to: "encryption-key")]
        },
    ]

    static let addresses: [Symptom] = [
        refusedStart(
            "a host that is not known", ["HOST": "not-a-host.invalid"],
            "PORT <port> on HOST not-a-host.invalid cannot be listened on; "
                + "write a free port and an address of this machine (<reason>)."),
        refusedStart(
            "an address of another machine", ["HOST": "192.0.2.1"],
            "PORT <port> on HOST 192.0.2.1 cannot be listened on; "
                + "write a free port and an address of this machine (<reason>)."),
        Symptom(
            name: "a port in use",
            line: "fleet-coordination: PORT <port> on HOST 127.0.0.1 cannot be listened on; "
                + "write a free port and an address of this machine (<reason>Address already in use<reason>)."
        ) { directory in
            let other = try ScratchDirectory()
            let first = try await ServiceProcess.start(in: other)
            defer { withExtendedLifetime(first) {} }
            return try await run(directory, ["PORT": "\(first.port)"])
        },
    ]

    private static let together =
        "JWT_ISSUER needs company; "
        + "set JWT_ISSUER, JWT_AUDIENCE and JWT_JWKS_FILE or JWT_JWKS_URL together."
    private static let issuer = ["JWT_ISSUER": "https://issuer.example", "JWT_AUDIENCE": "fleet"]

    static let tokens: [Symptom] = [
        refusedStart("an issuer alone", ["JWT_ISSUER": "https://issuer.example"], together),
        refusedStart("an issuer without keys", issuer, together),
        refusedStart("keys without an issuer", ["JWT_JWKS_FILE": "/nowhere/keys.json"], together),
        refusedStart(
            "two places of keys",
            issuer.merging(["JWT_JWKS_FILE": "/nowhere/a", "JWT_JWKS_URL": "https://issuer.example/keys"]) { $1 },
            "JWT_JWKS_URL and JWT_JWKS_FILE exclude each other; set one of them."),
        refusedStart(
            "a file of keys that is not there", issuer.merging(["JWT_JWKS_FILE": "/nowhere/keys.json"]) { $1 },
            "JWT_JWKS_FILE or JWT_JWKS_URL cannot be used: JWT_JWKS_FILE cannot be read."),
        refusedStart(
            "a file of keys that is none", issuer,
            "JWT_JWKS_FILE or JWT_JWKS_URL cannot be used: the key set is not JSON: <reason>."
        ) { directory in
            ["JWT_JWKS_FILE": try directory.write("not JSON", to: "keys.json")]
        },
        refusedStart(
            "keys over a plain connection", issuer.merging(["JWT_JWKS_URL": "http://issuer.example/keys"]) { $1 },
            "JWT_JWKS_FILE or JWT_JWKS_URL cannot be used: JWT_JWKS_URL has to be https."),
    ]
}
