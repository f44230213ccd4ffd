# Replicas of the service for scripts/dev-deps, which reads this file: the release build, on the servers of the set. One
# that is not there when a replica is started for the first time is not used by it.

prepare_replica() { # prepare_replica NUMBER
    local name port
    [[ -x $project/.build/release/fleet-coordination ]] || fail "there is no release build; 'make build' makes it"
    [[ -e $directory/postgres/environment ]] || fail "replicas share a PostgreSQL; 'scripts/dev-deps start postgres' starts one"
    # What all of them have to have alike. With the database goes what was sealed under the key.
    mkdir -p "$directory/replicas"
    secret replicas/admin-api-key >/dev/null
    [[ -s $directory/replicas/encryption-key ]] || head -c 32 /dev/urandom | base64 >"$directory/replicas/encryption-key"
    port=$(claim_port "replica-$1/port")
    {
        # Settings of the caller's own service are not theirs.
        echo 'unset ADMIN_API_KEY HOST METRICS_PORT'
        for name in "${basic[@]}"; do
            [[ ! -e $directory/$name/environment ]] || printf '. %q\n' "$directory/$name/environment"
        done
        export_line PORT "$port"
        export_line REPLICA_URL "http://127.0.0.1:$port"
        export_line DATA_DIR "$directory/replica-$1/data"
        export_line ADMIN_API_KEY_FILE "$directory/replicas/admin-api-key"
        export_line ENCRYPTION_KEY_FILE "$directory/replicas/encryption-key"
        export_line LOG_LEVEL "${LOG_LEVEL:-warning}"
        printf 'exec %q serve\n' "$project/.build/release/fleet-coordination"
    } >"$directory/replica-$1/run"
}

prepare_replica_1() { prepare_replica 1; }
prepare_replica_2() { prepare_replica 2; }
prepare_replica_3() { prepare_replica 3; }

answers_replica() { [[ $(ask_replica "replica-$1" /readyz) == *'"ready"'* ]]; }

answers_replica_1() { answers_replica 1; }
answers_replica_2() { answers_replica 2; }
answers_replica_3() { answers_replica 3; }

complete_replica_1() { :; }
complete_replica_2() { :; }
complete_replica_3() { :; }

# As the administrator, without a program that the machine may not have.
ask_replica() ( # ask_replica NAME PATH: what the server of that name answers
    exec 3<>"/dev/tcp/127.0.0.1/$(<"$directory/$1/port")"
    printf 'GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n' \
        "$2" "$1" "$(<"$directory/replicas/admin-api-key")" >&3
    timeout 5 cat <&3
)

health() { # health NAME: a line of JSON; empty while nobody answers
    { ask_replica "$1" /health 2>/dev/null || true; } | grep '^{' || echo
}

role() { # role NAME: writer or follower
    grep -oE '"role":"[a-z]+"' <<<"$(health "$1")" | cut -d '"' -f 4
}

await_whole() { # await_whole: until one decides, two follow, and whoever asks at the one address hears that all is well
    local deadline=$((SECONDS + patience)) name answers
    until
        answers=$(for name in "${replicas[@]}" haproxy; do health "$name"; done)
        is_whole "$answers"
    do
        ((SECONDS <= deadline)) || fail "the replicas are not whole after $patience s:
$answers"
        sleep 0.2
    done
}

is_whole() { # is_whole ANSWERS: of the replicas, and of one of them through the proxy
    local healthy roles
    healthy=$(grep -c '^{"status":"healthy"' <<<"$1") || true
    roles=$(head -n 3 <<<"$1" | grep -oE '"role":"[a-z]+"' | sort | cut -d '"' -f 4 | paste -sd ' ') || true
    [[ $healthy == 4 && $roles == 'follower follower writer' ]]
}
