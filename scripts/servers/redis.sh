# Redis for scripts/dev-deps, which reads this file: a server and, if asked for, a replica and three sentinels.

# The installed server's program is also the one that checks its files, under another name; of the package that comes
# under the server's own, installing it would start one.
redis_command() { # redis_command: fills `command`, what starts the server, here or in the other root
    local enter
    enter_root redis
    if ((${#enter[@]} == 0)); then
        command=("$project/.build/server-tools/redis-server")
        ! have redis-server || command=(redis-server)
    elif [[ $(<"$directory/redis/version") == valkey ]]; then
        command=("${enter[@]}" valkey-server)
    else
        command=("${enter[@]}" redis-server)
    fi
}

redis_admin() { # redis_admin NAME ARGUMENT…: redis-cli as the administrator
    REDISCLI_AUTH=$(<"$directory/redis/admin-password") timeout 5 redis-cli -e --no-auth-warning --user admin \
        -h 127.0.0.1 -p "$(<"$directory/$1/port")" "${@:2}"
}

hashed() { # hashed PASSWORD: as the list of users holds it
    printf '#%s' "$(printf %s "$1" | sha256sum | cut -d ' ' -f 1)"
}

# Who reaches what. `default` is who names no user. The service's user is bound to its keys and to what is neither dangerous
# nor an administrator's, but for INFO, which tells the version.
redis_users() {
    local channels='&*' own_channels='&fleet:*' command
    redis_command
    # 6.0 knows no rules for channels.
    [[ $("${command[@]}" --version) != *'v=6.0'* ]] || channels='' own_channels=''
    cat <<END
user default off resetpass
user fleet on $(hashed "$(secret redis/password)") ~fleet:* $own_channels +@all -@admin -@dangerous +info
user admin on $(hashed "$(secret redis/admin-password)") ~* $channels +@all
user replica on $(hashed "$(secret redis/replica-password)") +psync +replconf +ping
user sentinel on $(hashed "$(secret redis/sentinel-password)") $channels +multi +exec +slaveof +ping +subscribe +publish +role +info +config|rewrite +client|setname +client|kill +script|kill
END
}

redis_settings() { # redis_settings NAME
    cat <<END
bind 127.0.0.1
port $(claim_port "$1/port")
tls-port $(claim_port "$1/tls-port")
tls-cert-file "$directory/tls/server.crt"
tls-key-file "$directory/tls/server.key"
tls-ca-cert-file "$directory/tls/ca.crt"
tls-auth-clients no
dir "$directory/$1/data"
aclfile "$directory/$1/users.acl"
masteruser replica
masterauth $(secret redis/replica-password)
appendonly yes
appendfsync everysec
save ""
END
}

prepare_redis() {
    echo "${REDIS_VERSION:-}" >"$directory/redis/version"
    choose_version redis "${REDIS_VERSION:-}"
    prepare_redis_server redis
}

prepare_redis_server() { # prepare_redis_server NAME
    local command
    redis_command
    mkdir "$directory/$1/data"
    redis_users >"$directory/$1/users.acl"
    redis_settings "$1" >"$directory/$1/redis.conf"
    write_run "$1" "${command[@]}" "$directory/$1/redis.conf"
}

# While it reads its data it answers, but with an error.
answers_redis() { redis_admin redis PING; }

complete_redis() {
    {
        export_line REDIS_ADDR "127.0.0.1:$(<"$directory/redis/port")"
        export_line REDIS_TLS_ADDR "127.0.0.1:$(<"$directory/redis/tls-port")"
        export_line REDIS_USERNAME fleet
        export_line REDIS_PASSWORD "$(secret redis/password)"
        export_line REDIS_ADMIN_USERNAME admin
        export_line REDIS_ADMIN_PASSWORD "$(secret redis/admin-password)"
    } >"$directory/redis/environment"
}

prepare_redis_replica() {
    [[ -e $directory/redis/complete ]] || fail "a replica takes a server of its own; REDIS_ADDR names yours"
    prepare_redis_server redis-replica
    echo "replicaof 127.0.0.1 $(<"$directory/redis/port")" >>"$directory/redis-replica/redis.conf"
}

answers_redis_replica() { redis_admin redis-replica PING; }

# The sentinels are to find a replica that can take over.
complete_redis_replica() {
    local deadline=$((SECONDS + patience))
    until redis_admin redis-replica INFO replication | grep -q '^master_link_status:up'; do
        ((SECONDS <= deadline)) || fail "the replica does not follow; $directory/redis-replica/log says why"
        sleep 0.05
    done
    export_line REDIS_REPLICA_ADDR "127.0.0.1:$(<"$directory/redis-replica/port")" >"$directory/redis-replica/environment"
}

# Two of three have to agree that the server is gone, which they take it to be after a second. Whoever may connect to a
# sentinel needs no password: it knows where the server is, and nothing of its data.
prepare_sentinel() { # prepare_sentinel NUMBER
    local command
    redis_command
    mkdir "$directory/sentinel-$1/data"
    cat >"$directory/sentinel-$1/sentinel.conf" <<END
bind 127.0.0.1
port $(claim_port "sentinel-$1/port")
dir "$directory/sentinel-$1/data"
sentinel monitor fleet 127.0.0.1 $(<"$directory/redis/port") 2
sentinel auth-user fleet sentinel
sentinel auth-pass fleet $(secret redis/sentinel-password)
sentinel down-after-milliseconds fleet 1000
sentinel failover-timeout fleet 3000
END
    write_run "sentinel-$1" "${command[@]}" "$directory/sentinel-$1/sentinel.conf" --sentinel
}

prepare_sentinel_1() { prepare_sentinel 1; }
prepare_sentinel_2() { prepare_sentinel 2; }
prepare_sentinel_3() { prepare_sentinel 3; }

ask_sentinel() { # ask_sentinel NUMBER ARGUMENT…
    timeout 5 redis-cli -e -h 127.0.0.1 -p "$(<"$directory/sentinel-$1/port")" "${@:2}"
}

answers_sentinel_1() { ask_sentinel 1 PING; }
answers_sentinel_2() { ask_sentinel 2 PING; }
answers_sentinel_3() { ask_sentinel 3 PING; }

complete_sentinel_1() { :; }
complete_sentinel_2() { :; }

# Before each knows the others and the replica, they could not agree on a new server.
complete_sentinel_3() {
    local deadline=$((SECONDS + patience)) number
    for number in 1 2 3; do
        until [[ $(ask_sentinel "$number" INFO sentinel) == *status=ok,*slaves=1,sentinels=3* ]]; do
            ((SECONDS <= deadline)) || fail "sentinel $number does not find the others; its log says why"
            sleep 0.1
        done
    done
    {
        export_line REDIS_SENTINELS "$(for number in 1 2 3; do
            echo "127.0.0.1:$(<"$directory/sentinel-$number/port")"
        done | paste -sd ,)"
        export_line REDIS_MASTER_NAME fleet
    } >"$directory/sentinel-3/environment"
}
