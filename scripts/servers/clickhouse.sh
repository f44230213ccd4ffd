# ClickHouse for scripts/dev-deps, which reads this file; clickhouse.py says where the server comes from.

prepare_clickhouse() {
    secret clickhouse/admin-password >/dev/null
    secret clickhouse/password >/dev/null
    # The library makes a database of its own whenever it is loaded, among the temporary files.
    mkdir "$directory/clickhouse/temporary"
    write_run clickhouse env TMPDIR="$directory/clickhouse/temporary" "$project/.build/server-venv/bin/python3" \
        "$servers/clickhouse.py" "$directory/clickhouse" \
        "$(claim_port clickhouse/port)" "$(claim_port clickhouse/native-port)"
}

# It says so itself, once it has checked that it serves whom it should.
answers_clickhouse() { [[ -e $directory/clickhouse/ready ]]; }

complete_clickhouse() {
    {
        export_line CLICKHOUSE_ADDR "127.0.0.1:$(<"$directory/clickhouse/port")"
        export_line CLICKHOUSE_NATIVE_ADDR "127.0.0.1:$(<"$directory/clickhouse/native-port")"
        export_line CLICKHOUSE_USERNAME fleet
        export_line CLICKHOUSE_PASSWORD "$(secret clickhouse/password)"
        export_line CLICKHOUSE_DATABASE fleet_coordination
        export_line CLICKHOUSE_ADMIN_USERNAME admin
        export_line CLICKHOUSE_ADMIN_PASSWORD "$(secret clickhouse/admin-password)"
    } >"$directory/clickhouse/environment"
}
