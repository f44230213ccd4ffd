# PostgreSQL for scripts/dev-deps, which reads this file: a primary and, if asked for, a standby that streams from it.

# The newest that is installed.
postgres_programs() {
    local newest
    newest=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1)
    [[ -n $newest ]] || fail "no PostgreSQL is installed below /usr/lib/postgresql"
    dirname "$newest"
}

# PostgreSQL refuses to run as root.
postgres_prefix() { # postgres_prefix: fills `as_postgres`, what goes before each command
    as_postgres=(env LC_ALL=C "HOME=$directory/postgres")
    ((EUID != 0)) || as_postgres+=(setpriv --reuid=postgres --regid=postgres --clear-groups)
}

give_to_postgres() { # give_to_postgres PATH…
    ((EUID != 0)) || chown -R postgres:postgres "$@"
}

prepare_postgres() {
    local data=$directory/postgres/data programs as_postgres
    programs=$(postgres_programs)
    postgres_prefix
    secret postgres/admin-password >/dev/null
    secret postgres/password >/dev/null
    mkdir "$data"
    cp "$directory/postgres/admin-password" "$directory/postgres/initial-password"
    give_to_postgres "$directory/postgres"
    "${as_postgres[@]}" test -w "$data" ||
        fail "the user postgres cannot reach $data; let DEV_DEPS_DIR name a directory that every user may pass through"
    "${as_postgres[@]}" "$programs/initdb" -D "$data" --username=postgres --pwfile="$directory/postgres/initial-password" \
        --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --data-checksums >"$directory/postgres/log" 2>&1 ||
        fail "initdb failed; $directory/postgres/log says why"
    rm "$directory/postgres/initial-password"
    postgres_settings >>"$data/postgresql.conf"
    printf '%s\n' 'host all all 127.0.0.1/32 scram-sha-256' 'host replication replicator 127.0.0.1/32 scram-sha-256' \
        >"$data/pg_hba.conf"
    cp "$directory/tls/server.crt" "$directory/tls/server.key" "$data"
    give_to_postgres "$data"
    write_run postgres "${as_postgres[@]}" "$programs/postgres" -D "$data" -p "$(claim_port postgres/port)"
}

# No socket in the file system: its path may be too long. The certificate's files lie in the data, and the port is named
# by the command, so that a copy of the data is a standby as it is.
postgres_settings() {
    cat <<END
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
ssl = on
password_encryption = 'scram-sha-256'
fsync = on
wal_level = logical
hot_standby = on
shared_buffers = 64MB
log_min_duration_statement = 1000
END
}

postgres_admin() { # postgres_admin NAME [ARGUMENT…]: psql as the superuser
    local port
    port=$(<"$directory/$1/port")
    PGPASSWORD=$(<"$directory/postgres/admin-password") psql --no-psqlrc --quiet --tuples-only --no-align \
        --set=ON_ERROR_STOP=1 "host=127.0.0.1 port=$port user=postgres dbname=postgres connect_timeout=5" "${@:2}"
}

answers_postgres() { postgres_admin postgres --command='SELECT 1'; }

# The service's role makes its own roles and databases and is still bound by privileges, as it is where somebody else runs
# the server. The passwords reach psql by its input, where no list of processes shows them.
complete_postgres() {
    local port password
    port=$(<"$directory/postgres/port")
    password=$(secret postgres/password)
    postgres_admin postgres >/dev/null <<END
CREATE ROLE fleet LOGIN CREATEROLE CREATEDB PASSWORD '$password';
CREATE ROLE replicator LOGIN REPLICATION PASSWORD '$(secret postgres/replicator-password)';
CREATE DATABASE fleet OWNER fleet;
END
    {
        export_line DATABASE_URL "postgres://fleet:$password@127.0.0.1:$port/fleet"
        export_line DATABASE_ADMIN_URL "postgres://postgres:$(secret postgres/admin-password)@127.0.0.1:$port/postgres"
    } >"$directory/postgres/environment"
}

prepare_standby() {
    local data=$directory/standby/data programs as_postgres
    [[ -e $directory/postgres/complete ]] || fail "a standby takes a primary of its own; DATABASE_URL names yours"
    programs=$(postgres_programs)
    postgres_prefix
    mkdir "$data"
    give_to_postgres "$directory/standby"
    # The password goes into the standby's settings, where it connects with it.
    PGPASSWORD=$(secret postgres/replicator-password) "${as_postgres[@]}" "$programs/pg_basebackup" -D "$data" \
        --write-recovery-conf --wal-method=stream --create-slot --slot=standby --checkpoint=fast \
        --dbname="host=127.0.0.1 port=$(<"$directory/postgres/port") user=replicator application_name=standby" \
        >"$directory/standby/log" 2>&1 || fail "pg_basebackup failed; $directory/standby/log says why"
    write_run standby "${as_postgres[@]}" "$programs/postgres" -D "$data" -p "$(claim_port standby/port)"
}

answers_standby() { postgres_admin standby --command='SELECT 1'; }

complete_standby() {
    export_line DATABASE_STANDBY_URL \
        "postgres://fleet:$(secret postgres/password)@127.0.0.1:$(<"$directory/standby/port")/fleet" \
        >"$directory/standby/environment"
}

promote_standby() {
    lock existing && runs standby || fail "there is no standby that runs"
    [[ $(postgres_admin standby --command="SELECT pg_promote(true, $patience)") == t ]] ||
        fail "the standby was not promoted; $directory/standby/log says why"
}

# A primary keeps what a slot has not taken yet, for ever.
forget_standby() {
    ! runs postgres || postgres_admin postgres --command="SELECT pg_drop_replication_slot('standby')" >/dev/null || true
}
