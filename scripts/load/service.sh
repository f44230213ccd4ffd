# What the measurements under load ask of a service, for scripts/test-load and scripts/test-load-engines, which read this
# file. `service` is its address, API_KEY the administrator's key.

base() { echo "$service/api/v1/fleet-coordination"; }

wait_for() { # wait_for URL [CURL'S ARGUMENT…]: until it answers without an error
    for _ in $(seq 400); do
        if curl -fsS -o /dev/null "$@" 2>/dev/null; then return; fi
        sleep 0.05
    done
    echo "nothing answers at $1" >&2
    exit 1
}

# The key is put in force right after the start.
wait_for_service() {
    wait_for "$service/readyz"
    wait_for "$(base)/whoami" -H "Authorization: Bearer $API_KEY"
}

post() { # post PATH BODY
    curl -fsS -X POST "$(base)$1" -H "Authorization: Bearer $API_KEY" -H 'Content-Type: application/json' -d "$2"
}

field() { # field NAME: of the object on standard input
    sed -E 's/.*"'"$1"'":"([^"]+)".*/\1/'
}

# Two fleets of one federation that lend each other units: what scripts/load/share.lua books, and read.lua reads.
prepare_sharing() {
    local federation fleet unit
    federation=$(post /federations '{"name":"Load","description":""}' | field federation_id)
    for fleet in load-lender load-borrower; do
        post "/federations/$federation/members" \
            "{\"fleet_id\":\"$fleet\",\"isolation_level\":\"low\",\"resource_sharing\":true}" >/dev/null
    done
    for unit in hot-0 charger-{0..63}; do
        post /fleets/load-lender/resources "{\"resource_id\":\"$unit\",\"resource_type\":\"charger\"}" >/dev/null
    done
    export READ_PATH=/api/v1/fleet-coordination/federations/$federation
    BASE_TIME=$(($(date +%s) + 3600))
    export BASE_TIME
}
