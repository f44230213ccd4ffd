extension Symptom {
    static let clickHouse: [Symptom] = [
        refusedStart(
            "an address with a password in it", ["CLICKHOUSE_ADDR": "user:password@host:8123"],
            """
            CLICKHOUSE_ADDR is not usable; write HOST:PORT or https://HOST:PORT, several with commas between, and no \
            password.
            """),
        refusedStart(
            "a database without an address", ["CLICKHOUSE_DATABASE": "fleet"],
            "CLICKHOUSE_DATABASE is of no use without CLICKHOUSE_ADDR; set that, too."),
        refusedStart(
            "an authority for what is not encrypted", ["CLICKHOUSE_ADDR": "host", "CLICKHOUSE_CA_FILE": "/nowhere"],
            "CLICKHOUSE_CA_FILE needs addresses that begin with https://."),
        refusedStart(
            "an authority that is not there",
            ["CLICKHOUSE_ADDR": "https://host", "CLICKHOUSE_CA_FILE": "/nowhere"],
            "CLICKHOUSE_CA_FILE names a file that holds no certificate in PEM format."),
        refusedStart(
            "a password that no header takes", ["CLICKHOUSE_ADDR": "host", "CLICKHOUSE_PASSWORD": "geheimnisträger"],
            "CLICKHOUSE_PASSWORD is not usable; write printable ASCII characters."),
        refusedStart(
            "a password given twice",
            ["CLICKHOUSE_ADDR": "host", "CLICKHOUSE_PASSWORD": "one", "CLICKHOUSE_PASSWORD_FILE": "/nowhere"],
            "CLICKHOUSE_PASSWORD is given twice; set either CLICKHOUSE_PASSWORD or CLICKHOUSE_PASSWORD_FILE."),
        refusedStart(
            "a retention of a day", ["CLICKHOUSE_ADDR": "host", "CLICKHOUSE_RETENTION_DAYS": "1"],
            "CLICKHOUSE_RETENTION_DAYS is not usable; write a number of days from 31 to 3650."),
    ]
}
