# The processes of scripts/dev-deps, which reads this file. Of each server, $directory/NAME holds `run`, the command that
# starts it; `port`; `process`, its process id and when that process began; `log`; and, of one that tells by itself that it
# is ready, `ready`.

# When the process began, in ticks since the machine did: an id alone may long be another's. Fails once it has ended, also
# while nobody has taken notice of its end.
began() { # began ID
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # The name of the program, in brackets, may hold anything.
    read -ra stat <<<"${stat##*) }"
    [[ ${stat[0]} != [ZX] ]] || return 1
    echo "${stat[19]}"
}

process() { # process NAME: its id
    cut -d ' ' -f 1 "$directory/$1/process"
}

runs() { # runs NAME
    local id start
    [[ -e $directory/$1/process ]] || return 1
    read -r id start <"$directory/$1/process"
    [[ $(began "$id" || true) == "$start" ]]
}

condition() { # condition NAME: running, frozen or ended
    if ! runs "$1"; then
        echo ended
    elif grep -q '^State:[[:space:]]*T' "/proc/$(process "$1")/status"; then
        echo frozen
    else
        echo running
    fi
}

# A port that nothing listens to, below those that the system gives to outgoing connections: a client that tries to reach
# a server that is down could be given that very port, connect to itself and keep the server from coming back.
spare_port() {
    local port
    for _ in $(seq 100); do
        port=$((20000 + SRANDOM % 12000))
        listens "$port" || { echo "$port" && return; }
    done
    fail "no port is free between 20000 and 32000"
}

listens() { # listens PORT
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

claim_port() { # claim_port FILE: the port that the file names, which is chosen the first time
    [[ -s $directory/$1 ]] || spare_port >"$directory/$1"
    cat "$directory/$1"
}

write_run() { # write_run NAME COMMAND…
    printf 'exec' >"$directory/$1/run"
    printf ' %q' "${@:2}" >>"$directory/$1/run"
}

# Starts the server in a session of its own, so that neither the terminal nor the caller's end reaches it, and without
# the lock. Its parent is a shell that takes notice of its end: where nobody does, as in many a container, PostgreSQL takes
# the rest of a process for a server that still has the data.
launch() { # launch NAME
    local id
    rm -f "$directory/$1/process" "$directory/$1/ready"
    mkfifo "$directory/$1/started"
    setsid bash -c 'bash "$1/run" & echo "$!" >"$1/started"; wait' launch "$directory/$1" \
        </dev/null >>"$directory/$1/log" 2>&1 9<&- &
    disown
    read -r id <"$directory/$1/started"
    rm "$directory/$1/started"
    echo "$id $(began "$id" || echo 0)" >"$directory/$1/process"
    await "$1"
}

await() { # await NAME: until it answers
    local deadline=$((SECONDS + patience))
    until "answers_${1//-/_}" >/dev/null 2>&1; do
        if ! runs "$1" || ((SECONDS > deadline)); then
            tail -n 20 "$directory/$1/log" >&2
            fail "$1 $(runs "$1" && echo "does not answer after $patience s" || echo "ended at once"); its log is above"
        fi
        sleep 0.05
    done
}

await_end() { # await_end NAME SECONDS: fails if it still runs then
    local deadline=$((SECONDS + $2))
    while runs "$1"; do
        ((SECONDS <= deadline)) || return 1
        sleep 0.02
    done
}

children() { # children ID: the processes that it started, and theirs
    local child
    for child in $(cat "/proc/$1/task/"*/children 2>/dev/null); do echo "$child" && children "$child"; done
}

# The server first, so that it cannot replace what the signal reaches next.
send_all() { # send_all SIGNAL NAME: to the server and every process of its
    local id
    id=$(process "$2")
    kill "-$1" "$id" 2>/dev/null || true
    for id in $(children "$id"); do kill "-$1" "$id" 2>/dev/null || true; done
}

# Frozen first, so that its children are still known as such; those of a dead server belong to nobody.
crash() { # crash NAME
    local id ids
    send_all STOP "$1"
    id=$(process "$1")
    ids=("$id" $(children "$id"))
    kill -KILL "${ids[@]}" 2>/dev/null || true
    for id in "${ids[@]}"; do
        while began "$id" >/dev/null; do sleep 0.01; done
    done
}

# What does not end when it is asked to, because what it waits for is frozen or gone, is ended by force: nobody needs its
# data for long.
end() { # end NAME
    runs "$1" || return 0
    kill "-$(end_signal "$1")" "$(process "$1")" 2>/dev/null || true
    send_all CONT "$1"
    await_end "$1" 20 || crash "$1"
}

end_signal() { # end_signal NAME
    case $1 in
    # Fast: it does not wait for its clients to leave.
    postgres | standby) echo INT ;;
    # It has nothing to bring to the disk, and may wait for seconds for its clients.
    kafka) echo KILL ;;
    *) echo TERM ;;
    esac
}
