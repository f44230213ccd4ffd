"""Kills one process of a cluster after the other under load, and checks that nothing acknowledged was lost or doubled.

    kill-any.py [NAME…]

The cluster is the one that `scripts/dev-cluster start` made (DEV_DEPS_DIR). NAME is what to kill, as dev-deps calls it, or
`writer`, the replica that decides at that moment; by default each process once. CLIENTS (12) write by the one address, each
with an Idempotency-Key and again under the same one until there is an answer that is final; READERS (4) read what was
acknowledged. Each process is killed with SIGKILL, stays away for DOWN (4) seconds, and is started again.

Ends with 1 if an acknowledged write is not there, is there twice or is not found by a reader, if a window is promised
twice, if the log has a gap or differs between replicas, or if `events rebuild` finds a table that is not what the log says.
"""

import datetime
import http.client
import itertools
import json
import os
import random
import subprocess
import sys
import threading
import time
import urllib.parse

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DIRECTORY = os.path.abspath(os.environ.get("DEV_DEPS_DIR") or PROJECT + "/.build/dev-deps")
CLIENTS, READERS = int(os.environ.get("CLIENTS", "12")), int(os.environ.get("READERS", "4"))
DOWN = float(os.environ.get("DOWN", "4"))
# Seconds of load before, between and after the kills.
CALM = 3
# Seconds after which a write without a final answer is given up, and one that the checks wait for.
PATIENCE = 120
BASE = "/api/v1/fleet-coordination"
REPLICAS = ("replica-1", "replica-2", "replica-3")
ORDER = ("writer", *REPLICAS, "haproxy", "postgres", "redis", "clickhouse", "kafka")
# Several ask for each window of each of them.
UNITS, DOCKS, ASKERS = 8, 4, 3
# Seconds: a window begins within the first, and two that follow one another may overlap.
STRIDE, JITTER, DURATION = 100, 30, 90
FINAL = {"completed", "rejected", "expired", "cancelled", "revoked", "preempted", "no_show"}


def text_of(path):
    with open(f"{DIRECTORY}/{path}") as file:
        return file.read().strip()


def port(name):
    return int(text_of(name + "/port"))


def environment():
    """What `dev-deps environment` exports."""
    shell = ["bash", "-c", f". {DIRECTORY}/environment && env -0"]
    return dict(line.split("=", 1) for line in subprocess.check_output(shell, text=True).split("\0") if "=" in line)


KEY = text_of("replicas/admin-api-key")
PROXY = port("haproxy")


class Connection:
    """Keeps one connection to a port, and makes another when it is lost."""

    def __init__(self, port):
        self.port = port
        self.connection = None

    def ask(self, method, path, body=None, key=None):
        """The status and the document; raises when there is no answer."""
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = self.connection.getresponse()
            status, content = answer.status, answer.read()
        except BaseException:
            self.connection.close()
            self.connection = None
            raise
        return status, json.loads(content) if content[:1] in (b"{", b"[") else content

    def insist(self, method, path, body=None, key=None):
        """The first answer that is final, however long that takes; None when patience ends."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                status, document = self.ask(method, path, body, key)
                if status < 500:
                    return status, document
                if status not in (502, 503, 504):
                    record.wrong(f"{method} {path}: {status} {document}")
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.1)
        return None


class Record:
    """What the clients were told."""

    def __init__(self):
        self.lock = threading.Lock()
        self.phase = 0
        # By kind and id: when, and in which phase, it was acknowledged.
        self.acknowledged = {"fleet": {}, "resource": {}, "sharing": {}, "allocation": {}}
        self.times = []
        self.paths = []
        self.refused = self.reads = 0
        self.mistakes = []
        # What is lost and doubled, by the phase in which it was acknowledged.
        self.lost, self.doubled = {}, {}

    def acknowledge(self, kind, id, path):
        with self.lock:
            now = time.monotonic()
            if id in self.acknowledged[kind]:
                self.count(self.doubled, self.phase, f"{kind} {id} was given to two requests")
            self.acknowledged[kind][id] = self.phase
            self.times.append(now)
            self.paths.append((path, self.phase))

    def count(self, what, phase, why):
        what[phase] = what.get(phase, 0) + 1
        self.mistakes.append(why)

    def wrong(self, why):
        with self.lock:
            self.mistakes.append(why)


record = Record()
stopping = threading.Event()
numbers = itertools.count()
began = int(time.time())
run = f"kill-{began}"
lender, borrower = run + "-lender", run + "-borrower"


def window(slot):
    start = began + 86_400 + slot * STRIDE + random.randrange(JITTER)
    return datetime.datetime.fromtimestamp(start, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def next_write(number, federation):
    """A write of its own for each number: its kind, path, body, and the field of the answer that is its id."""
    kind = number % 20
    if kind == 0:
        name = f"{run}-fleet-{number}"
        return "fleet", "/fleets", {"fleet_id": name, "name": name, "organization": "load"}, "fleet_id"
    if kind < 5:
        body = {"resource_id": f"thing-{number}", "resource_type": "thing"}
        return "resource", f"/fleets/{lender}/resources", body, "resource_id"
    asked = {"federation_id": federation, "target_fleet_id": borrower, "duration": DURATION, "priority": "normal"}
    if kind < 9:
        body = asked | {"resource_type": "dock", "quantity": 1, "earliest": window(number // 20 * 4 // (DOCKS * 2))}
        return "allocation", "/allocations", body, "allocation_id"
    turn = number // ASKERS
    body = asked | {"source_fleet_id": lender, "resource_type": "charger", "resource_id": f"charger-{turn % UNITS}"}
    return "sharing", "/resource-sharing", body | {"starts_at": window(turn // UNITS)}, "sharing_id"


def write(federation):
    connection = Connection(PROXY)
    while not stopping.is_set():
        number = next(numbers)
        kind, path, body, field = next_write(number, federation)
        answer = connection.insist("POST", BASE + path, body, f"{run}-{number:012d}")
        if answer is None:
            record.wrong(f"{kind} {number} had no final answer within {PATIENCE} s")
            continue
        status, document = answer
        if status == 201:
            id = document[field]
            record.acknowledge(kind, id, f"{BASE}{path}/{id}")
        elif status == 409 and kind in ("sharing", "allocation"):
            with record.lock:
                record.refused += 1
        elif status == 409:
            # Nobody else asks for that name: its own effect is taken for another's.
            with record.lock:
                record.count(record.doubled, record.phase, f"{kind} {number}: {document}")
        else:
            record.wrong(f"{kind} {number}: {status} {document}")


def read():
    """Whoever answers has what was acknowledged before the question."""
    connection = Connection(PROXY)
    while not stopping.is_set():
        with record.lock:
            path, phase = random.choice(record.paths[-200:]) if record.paths else (None, 0)
        if path is None:
            time.sleep(0.1)
            continue
        answer = connection.insist("GET", path)
        if answer is None or answer[0] != 200:
            with record.lock:
                record.count(record.lost, phase, f"GET {path}: {answer}")
        record.reads += 1
        time.sleep(0.005)


def dev_deps(*arguments):
    subprocess.run([PROJECT + "/scripts/dev-deps", *arguments], check=True, stdout=subprocess.DEVNULL)


def role(name):
    try:
        return Connection(port(name)).ask("GET", "/health")[1]["checks"]["database"]["role"]
    except (OSError, http.client.HTTPException, KeyError, TypeError):
        return None


def writer():
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for name in REPLICAS:
            if role(name) == "writer":
                return name
        time.sleep(0.1)
    sys.exit("kill-any: no replica decides")


def longest_gap(start, end):
    """Seconds without an accepted write, from the last one before the start to the first after the end."""
    with record.lock:
        times = sorted(record.times)
    inside = [time for time in times if start <= time <= end]
    before = max((time for time in times if time < start), default=start)
    after = min((time for time in times if time > end), default=end)
    points = [before, *inside, after]
    return max(later - earlier for earlier, later in zip(points, points[1:]))


def prepare():
    connection = Connection(PROXY)

    def post(path, body):
        answer = connection.insist("POST", BASE + path, body, f"{run}-prepare-{len(path)}-{hash(str(body))}")
        if answer is None or answer[0] not in (200, 201):
            sys.exit(f"kill-any: {path}: {answer}")
        return answer[1]

    federation = post("/federations", {"name": run, "description": ""})["federation_id"]
    for fleet in (lender, borrower):
        member = {"fleet_id": fleet, "isolation_level": "low", "resource_sharing": True}
        post(f"/federations/{federation}/members", member)
    for kind, count in (("charger", UNITS), ("dock", DOCKS)):
        for number in range(count):
            post(f"/fleets/{lender}/resources", {"resource_id": f"{kind}-{number}", "resource_type": kind})
    return federation


def kill(name):
    """Kills and starts again; what it was, and the seconds until everything was whole."""
    target = writer() if name == "writer" else name
    label = f"{target} ({role(target) or 'silent'})" if target in REPLICAS else target
    start = time.monotonic()
    dev_deps("kill", target)
    time.sleep(DOWN)
    dev_deps("restart", target)
    dev_deps("whole")
    end = time.monotonic()
    time.sleep(CALM)
    return label, start, end


# MARK: - What is there


def pages(connection, path, name):
    """The rows of a list."""
    token = None
    while True:
        parameters = {"page_size": 1000} | ({"page_token": token} if token else {})
        joint = "&" if "?" in path else "?"
        answer = connection.insist("GET", BASE + path + joint + urllib.parse.urlencode(parameters))
        if answer is None or answer[0] != 200:
            sys.exit(f"kill-any: {path}: {answer}")
        yield from answer[1][name]
        token = answer[1].get("next_page_token")
        if not token:
            return


def check_lists(federation):
    connection = Connection(PROXY)
    fleets = {row["fleet_id"] for row in pages(connection, "/fleets", "fleets")}
    things = [row["resource_id"] for row in pages(connection, f"/fleets/{lender}/resources", "resources")]
    leases = list(pages(connection, f"/resource-sharing?federation_id={federation}", "resource_sharing"))
    allocations = list(pages(connection, f"/allocations?federation_id={federation}", "allocations"))
    there = {
        "fleet": {name for name in fleets if name.startswith(run + "-fleet-")},
        "resource": {name for name in things if name.startswith("thing-")},
        "sharing": {row["sharing_id"] for row in leases if row["status"] == "granted" and not row.get("allocation_id")},
        "allocation": {row["allocation_id"] for row in allocations if row["status"] == "granted"},
    }
    for kind, acknowledged in record.acknowledged.items():
        for id in acknowledged.keys() - there[kind]:
            record.count(record.lost, acknowledged[id], f"{kind} {id} was acknowledged and is not there")
        # Each was asked until it was told, so nothing else may be there.
        for id in there[kind] - acknowledged.keys():
            record.count(record.doubled, 0, f"{kind} {id} is there, and nobody was told of it")
    if len(things) != len(set(things)):
        record.wrong("a list has a resource twice")
    check_windows([row for row in leases if row["status"] not in FINAL])
    return len(leases)


def check_windows(leases):
    leases.sort(key=lambda row: (row["resource_id"], row["starts_at"]))
    for one, next in zip(leases, leases[1:]):
        if one["resource_id"] == next["resource_id"] and next["starts_at"] < one["ends_at"]:
            phase = record.acknowledged["sharing"].get(next["sharing_id"], 0)
            record.count(record.doubled, phase, f"{one['sharing_id']} and {next['sharing_id']} overlap")


def events_of(name):
    """The ids and subjects of the whole log, as one replica pages it."""
    connection, after, seen = Connection(port(name)), None, []
    while True:
        parameters = {"limit": 1000} | ({"after": after} if after else {})
        answer = connection.insist("GET", f"{BASE}/events?" + urllib.parse.urlencode(parameters))
        if answer is None or answer[0] != 200:
            sys.exit(f"kill-any: /events of {name}: {answer}")
        if not answer[1]["events"]:
            return seen
        seen += [(row["id"], row["type"].rsplit(".", 2)[-2:], row["subject"]) for row in answer[1]["events"]]
        after = answer[1]["next_after"]


def check_events():
    """Each replica pages the same log, in which each write that was acknowledged has its one event."""
    logs = {name: events_of(name) for name in REPLICAS}
    first = logs[REPLICAS[0]]
    shortest = min(len(log) for log in logs.values())
    for name, log in logs.items():
        if len({row[0] for row in log}) != len(log):
            record.wrong(f"the pages of /events of {name} have an event twice")
        if log[:shortest] != first[:shortest]:
            record.wrong(f"the pages of /events of {name} are not those of {REPLICAS[0]}")
    subjects = {}
    for _, type, subject in first:
        if type in (["sharing", "granted"], ["allocation", "decided"]):
            subjects[subject.rsplit("/", 1)[-1]] = subjects.get(subject.rsplit("/", 1)[-1], 0) + 1
    for kind in ("sharing", "allocation"):
        for id, phase in record.acknowledged[kind].items():
            if subjects.get(id, 0) != 1:
                what = record.lost if id not in subjects else record.doubled
                record.count(what, phase, f"{kind} {id} has {subjects.get(id, 0)} events")
    return shortest


def check_positions(exported):
    """The positions in the table itself; the API's are sealed."""
    url = urllib.parse.urlsplit(exported["DATABASE_URL"])
    settings = {"PGHOST": url.hostname, "PGPORT": str(url.port), "PGUSER": url.username, "PGPASSWORD": url.password}
    query = "SELECT COUNT(*), MIN(position), MAX(position) FROM fleet_coordination.events"
    command = ["psql", "-XAtqc", query, url.path.removeprefix("/")]
    count, least, most = map(int, subprocess.check_output(command, text=True, env=os.environ | settings).split("|"))
    if least != 1 or count != most:
        record.wrong(f"the log has a gap: {count} events from {least} to {most}")
    return count


def lags(name):
    """How far behind each sink is, as the writer says."""
    status, text = Connection(port(name)).ask("GET", "/metrics")
    lines = text.decode().splitlines() if status == 200 else []
    return {line.split('"')[1]: int(line.split()[-1]) for line in lines if line.startswith("fleet_sink_lag_events{")}


def check_sinks():
    deadline, waiting = time.monotonic() + PATIENCE, None
    while time.monotonic() < deadline:
        waiting = {sink: lag for sink, lag in lags(writer()).items() if lag > 0}
        if not waiting:
            return
        time.sleep(0.5)
    record.wrong(f"sinks are still behind: {waiting}")


def check_clickhouse(exported, count):
    """The rows may be of more than one insert; each position is there."""
    host, number = exported["CLICKHOUSE_ADDR"].split(":")
    connection = http.client.HTTPConnection(host, int(number), timeout=30)
    headers = {
        "X-ClickHouse-User": exported["CLICKHOUSE_USERNAME"],
        "X-ClickHouse-Key": exported["CLICKHOUSE_PASSWORD"],
        "X-ClickHouse-Database": exported["CLICKHOUSE_DATABASE"],
    }
    connection.request("POST", "/", f"SELECT uniqExact(position) FROM events WHERE position <= {count}", headers)
    found = int(connection.getresponse().read())
    if found != count:
        record.wrong(f"ClickHouse has {found} of {count} events")


def check_rebuild(exported):
    program = PROJECT + "/.build/release/fleet-coordination"
    done = subprocess.run([program, "events", "rebuild"], env=exported, capture_output=True, text=True)
    if done.returncode != 0:
        different = [line for line in done.stdout.splitlines() if "DIFFERS" in line]
        record.wrong(f"events rebuild: {different or done.stderr}")
    return done.stdout.splitlines()[-1] if done.stdout else "nothing"


def main():
    names = sys.argv[1:] or ORDER
    federation = prepare()
    threads = [threading.Thread(target=write, args=(federation,)) for _ in range(CLIENTS)]
    threads += [threading.Thread(target=read) for _ in range(READERS)]
    for thread in threads:
        thread.start()
    rows = []
    try:
        time.sleep(CALM)
        rows.append(("nothing", began_at := time.monotonic() - CALM, time.monotonic()))
        for name in names:
            with record.lock:
                record.phase += 1
            rows.append(kill(name))
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    exported = environment()
    leases = check_lists(federation)
    events = check_events()
    count = check_positions(exported)
    check_sinks()
    check_clickhouse(exported, count)
    rebuilt = check_rebuild(exported)

    print(f"{'killed':22} {'whole again':>11} {'acknowledged':>12} {'without a write':>15} {'lost':>5} {'doubled':>7}")
    phases = [phase for ids in record.acknowledged.values() for phase in ids.values()]
    for phase, (label, start, end) in enumerate(rows):
        print(
            f"{label:22} {end - start if phase else 0:9.1f} s {phases.count(phase):12}"
            f" {longest_gap(start, end + CALM if phase else end):13.1f} s"
            f" {record.lost.get(phase, 0):5} {record.doubled.get(phase, 0):7}"
        )
    print(
        f"{len(phases)} writes acknowledged, {record.refused} refused for good, {record.reads} reads;"
        f" {leases} leases, {events} events on each replica, {count} positions without a gap; rebuilt: {rebuilt}"
    )
    for mistake in record.mistakes[:20]:
        print("  " + mistake)
    if len(record.mistakes) > 20:
        print(f"  and {len(record.mistakes) - 20} more")
    return not record.mistakes


sys.exit(0 if main() else 1)
