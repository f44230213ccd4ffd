# HAProxy for scripts/dev-deps, which reads this file: one address for three replicas of the service: those
# that REPLICAS names, or else those of the set.

prepare_haproxy() {
    local program addresses port settings name
    read -ra addresses <<<"${REPLICAS:-}"
    if [[ -z ${REPLICAS:-} ]]; then
        for name in "${replicas[@]}"; do
            [[ ! -e $directory/$name/port ]] || addresses+=("127.0.0.1:$(<"$directory/$name/port")")
        done
    fi
    ((${#addresses[@]} == 3)) ||
        fail "REPLICAS is to name three replicas of the service, as in '127.0.0.1:8081 127.0.0.1:8082 127.0.0.1:8083'"
    program=$(command -v haproxy || command -v /usr/sbin/haproxy || echo "$project/.build/server-tools/haproxy")
    port=$(claim_port haproxy/port)
    settings=(env "LISTEN=127.0.0.1:$port" "REPLICA_1=${addresses[0]}" "REPLICA_2=${addresses[1]}"
        "REPLICA_3=${addresses[2]}" "$program" -f "$project/deploy/haproxy.cfg")
    "${settings[@]}" -c >"$directory/haproxy/log" 2>&1 || fail "its configuration is refused; $directory/haproxy/log says why"
    write_run haproxy "${settings[@]}" -db
}

# Whether a replica is ready is another question: it may be started later.
answers_haproxy() { listens "$(<"$directory/haproxy/port")"; }

complete_haproxy() {
    export_line HAPROXY_ADDR "127.0.0.1:$(<"$directory/haproxy/port")" >"$directory/haproxy/environment"
}
