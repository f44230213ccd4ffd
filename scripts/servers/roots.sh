# Other versions of the servers for scripts/dev-deps, which reads this file: out of other releases of Debian, each in a
# folder of its own that is the root of what runs there.

roots=$project/.build/dev-deps-roots

root_of() { # root_of SERVER VERSION: prints nothing for the version that the machine has
    case $1-$2 in
    *-) ;;
    postgres-13 | redis-6) echo "$roots/bullseye" ;;
    postgres-17 | redis-8 | redis-valkey) echo "$roots/trixie" ;;
    postgres-*) fail "POSTGRES_VERSION is 13 or 17, or empty for the one that is installed" ;;
    redis-*) fail "REDIS_VERSION is 6, 8 or valkey, or empty for the one that is installed" ;;
    esac
}

# The version is the one that the set was started with: what follows a server has to be of the same.
choose_version() { # choose_version SERVER VERSION
    local root
    root=$(root_of "$1" "$2")
    [[ -z $root ]] || make_root "$root"
    echo "$root" >"$directory/$1/root"
}

make_root() { # make_root FOLDER
    local suite=${1##*/} packages mirror=()
    ((EUID == 0)) || fail "other versions run in a root of their own, which only root can enter. Try again as root:
  sudo ${POSTGRES_VERSION:+POSTGRES_VERSION=$POSTGRES_VERSION }${REDIS_VERSION:+REDIS_VERSION=$REDIS_VERSION }scripts/dev-deps start"
    (umask 022 && scripts/install-dependencies roots && mkdir -p "$roots")
    # One at a time: another set may want the same.
    exec 8<"$roots"
    flock 8
    if [[ ! -e $1/complete ]]; then
        echo "making the root of Debian's $suite, which takes a minute"
        packages=postgresql-13,redis-server
        [[ $suite != trixie ]] || packages=postgresql-17,redis-server,valkey-server
        mapfile -t mirror < <(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
        rm -rf "$1"
        (umask 022 && debootstrap --variant=minbase --include="$packages" "$suite" "$1" "${mirror[@]}" 8<&- 9<&-) \
            >"$roots/$suite.log" 2>&1 || fail "debootstrap failed; $roots/$suite.log says why"
        touch "$1/complete"
    fi
    exec 8<&-
}

# What goes before a command of that server: nothing, or what runs it in the other root.
enter_root() { # enter_root SERVER: fills `enter`
    local root
    root=$(<"$directory/$1/root")
    enter=()
    [[ -z $root ]] || enter=("$servers/in-root" "$root" "$directory")
}
