"""Measures summaries over a long history in ClickHouse, through the service.

    clickhouse-history.py PROGRAM…

PROGRAM is the built fleet-coordination; several, as that of another commit, are asked in turn over the same history.

MILLIONS (100) of events of a year, of 200 federations with 20 fleets each, and the leases, allocations, messages and
denied crossings that belong to so many, are made in the service's own tables by INSERT … SELECT. One federation has a
twentieth of all. The server is the bench's own, on 127.0.0.1; it merges parts as ever, and ends with its data.
"""

import datetime
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAMS = [os.path.abspath(program) for program in sys.argv[1:]]
EVENTS = int(os.environ.get("MILLIONS", "100")) * 1_000_000
FEDERATIONS, FLEETS = 200, 20
# Each program is asked so often for each summary, and started anew before each round.
ROUNDS, CALLS = 3, 10
# Rows of one insert: what it sorts is in memory.
CHUNK = 5_000_000
# Of a hundred events: a lease has three of them, a message two.
LEASES, ALLOCATIONS, DELIVERIES, CROSSINGS = 20, 3, 25, 1
# Seconds that the server may go on to merge parts, in which a program starts, and after which it has no further round.
MERGING, STARTING, MEASURING = 300, 60, 420
YEAR = 365 * 86_400_000
NOW = int(time.time() * 1000)
KEY = secrets.token_hex(24)
BASE = "/api/v1/fleet-coordination"


def fail(message):
    sys.exit(f"clickhouse-history: {message}")


def dev_deps(*arguments):
    return subprocess.check_output([PROJECT + "/scripts/dev-deps", *arguments], text=True)


class Server:
    """ClickHouse, asked as its administrator."""

    def __init__(self, exported):
        self.host, port = exported["CLICKHOUSE_ADDR"].split(":")
        self.port = int(port)
        self.headers = {
            "X-ClickHouse-User": exported["CLICKHOUSE_ADMIN_USERNAME"],
            "X-ClickHouse-Key": exported["CLICKHOUSE_ADMIN_PASSWORD"],
            "X-ClickHouse-Database": exported["CLICKHOUSE_DATABASE"],
        }

    def ask(self, query):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=1800)
        connection.request("POST", "/?wait_end_of_query=1&max_partitions_per_insert_block=0", query, self.headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            fail(text)
        return text

    def read(self):
        """Rows and bytes, before compression, that it has read of tables so far."""
        names = "SelectedRows", "SelectedBytes"
        return [int(self.ask(f"SELECT sum(value) FROM system.events WHERE event = '{name}'")) for name in names]

    def settle(self):
        """Waits until it merges no more."""
        deadline, quiet = time.monotonic() + MERGING, 0
        while quiet < 5 and time.monotonic() < deadline:
            quiet = quiet + 1 if self.ask("SELECT count() FROM system.merges") == "0\n" else 0
            time.sleep(1)


class Service:
    def __init__(self, program, data, exported):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        settings = {name: value for name, value in exported.items() if name.startswith("CLICKHOUSE_")}
        settings |= {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        settings |= {"PORT": str(port), "DATA_DIR": data, "ADMIN_API_KEY": KEY, "LOG_LEVEL": "error"}
        self.process = subprocess.Popen([program, "serve"], env=settings)
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        deadline = time.monotonic() + STARTING
        while not self.is_ready():
            if time.monotonic() > deadline:
                self.stop()
                fail(f"{program} does not start, or not with ClickHouse")
            time.sleep(0.05)

    def is_ready(self):
        """Whether it answers, and ClickHouse has its whole log."""
        try:
            return self.measured('fleet_sink_lag_events{sink="clickhouse"}', otherwise=1) == 0
        except OSError:
            return False

    def ask(self, method, path, body=None, key=KEY):
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        try:
            self.connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            self.connection.close()
            raise

    def post(self, path, body):
        status, content = self.ask("POST", BASE + path, body)
        if status != 201:
            fail(f"{path}: {status} {content.decode()}")
        return json.loads(content)

    def measured(self, name, otherwise=0):
        lines = self.ask("GET", "/metrics")[1].decode().splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(name)), otherwise)

    def stop(self):
        self.process.terminate()
        self.process.wait()


# MARK: - The history


def make_federation(service, name):
    federation = service.post("/federations", {"name": name, "description": ""})["federation_id"]
    for number in range(FLEETS):
        member = {"fleet_id": f"{name}-{number}", "isolation_level": "low", "resource_sharing": True}
        service.post(f"/federations/{federation}/members", member)
    for number in range(4):
        service.post(f"/fleets/{name}-{number}/resources", {"resource_id": f"c-{number}", "resource_type": "charger"})
    return federation


def time_of(expression):
    return f"fromUnixTimestamp64Milli(toInt64({expression}), 'UTC')"


def multiply(server, table, columns, count, large, average):
    """Fills a table, in the order of time. `n` is a row's number, `h` a hash of it, `f` its federation, `t` when."""
    statement = f"""
        INSERT INTO {table} ({", ".join(columns)})
        WITH cityHash64(n) AS h, n % 20 = 0 AS is_large, if(is_large, 0, h % ({FEDERATIONS} - 1) + 1) AS number_of_f,
            multiIf(is_large, toUUID('{large}'), number_of_f = 1, toUUID('{average}'),
                toUUID(concat('00000000-0000-4000-8000-', leftPad(hex(number_of_f), 12, '0')))) AS f,
            multiIf(is_large, 'large', number_of_f = 1, 'average', concat('other', toString(number_of_f))) AS word,
            concat(word, '-', toString(intDiv(h, 1000) % {FLEETS})) AS lender,
            concat(word, '-', toString(intDiv(h, 100000) % {FLEETS})) AS borrower,
            {NOW - YEAR} + intDiv(n * {YEAR}, {count}) AS t, t + 600000 AS begun, begun + 600000 + h % 90000000 AS over
        SELECT {", ".join(columns.values())} FROM (SELECT toInt64(number) AS n FROM numbers(FIRST, ROWS))
        """
    for first in range(0, count, CHUNK):
        rows = min(CHUNK, count - first)
        server.ask(statement.replace("FIRST", str(first)).replace("ROWS", str(rows)))


def lease_columns(ended):
    far = 9_000_000_000_000
    return {
        "position": f"n - {EVENTS}",
        "federation_id": "f",
        "lease_id": "reinterpretAsUUID(concat(reinterpretAsString(h), reinterpretAsString(cityHash64(n, 1))))",
        "source_fleet_id": "lender",
        "target_fleet_id": "borrower",
        "resource_type": "arrayElement(['vehicle', 'charger', 'dock'], h % 3 + 1)",
        "quantity": "1",
        "status": f"if({ended}, 'completed', 'active')",
        "is_over": ended,
        "created_at": time_of("t"),
        "ended_at": time_of(f"if({ended}, over, 0)"),
        "use_start": "begun",
        "active_from": "begun",
        "active_to": f"if({ended}, over, {far})",
        "idle_from": "if(h % 10 = 0, over - 300000, 0)",
        "idle_to": "if(h % 10 = 0, over, 0)",
        "overdue_from": "if(h % 50 = 0, over - 60000, 0)",
        "overdue_to": "if(h % 50 = 0, over, 0)",
        "lent_from": "begun",
        "lent_to": f"if({ended}, over, {far})",
        "is_check": "1",
        "check_at": "t",
        "outcome": "1",
        "outcome_at": "t",
        "is_decided": "1",
        "decided_at": "t + h % 50",
    }


def fill(server, large, average):
    def make(table, count, columns):
        multiply(server, table, columns, count, large, average)

    leases = EVENTS * LEASES // 100
    # Of two hundred leases the last is still open, and stands among the last states alone.
    ended = leases - leases // 200
    types = "['sharing.granted', 'sharing.activated', 'sharing.completed', 'message.accepted', 'message.acknowledged']"
    # Facts have places below those of the service's own events, so that all of them are there.
    below = {"position": f"n - {EVENTS}"}
    fleets = {"source_fleet_id": "lender", "target_fleet_id": "borrower"}
    events = {
        "at": time_of("t"),
        "event_id": "generateUUIDv4()",
        "type": f"arrayElement({types}, n % 5 + 1)",
        "federation_id": "f",
        "acting_fleet_id": "borrower",
        "subject_id": "generateUUIDv4()",
    }
    make("events", EVENTS, below | events | fleets)
    make("leases", leases, lease_columns(f"if(n < {ended}, 1, 0)"))
    make("ended_leases", ended, lease_columns("1"))
    allocations = {
        "version": f"n - {EVENTS}",
        "federation_id": "f",
        "allocation_id": "generateUUIDv4()",
        "target_fleet_id": "borrower",
        "status": "'ended'",
        "created_at": time_of("t"),
        "outcome": "1",
        "outcome_at": "t",
        "is_decided": "1",
        "decided_at": "t + h % 50",
    }
    make("allocations", EVENTS * ALLOCATIONS // 100, allocations)
    deliveries = {"federation_id": "f", "is_acknowledgement": "intDiv(n, 20) % 2", "created_at": time_of("t")}
    make("deliveries", EVENTS * DELIVERIES // 100, below | deliveries | fleets)
    crossings = {"protected_fleet_id": "lender", "at": time_of("t"), "count": "1"}
    make("crossings", EVENTS * CROSSINGS // 100, below | crossings)


# MARK: - What is measured


def scenarios(large, average):
    """By name: the path of a summary, and the fleet that asks, if it is not the administrator."""
    periods = {"a week": (7, None), "30 days in days": (30, 86_400), "a year in days": (364, 86_400)}
    for word, federation in (("average", average), ("large", large)):
        for name, (days, step) in periods.items():
            start = datetime.datetime.fromtimestamp(NOW // 1000 - days * 86_400, datetime.timezone.utc)
            asked = {"federation_id": federation, "from": start.strftime("%Y-%m-%dT%H:%M:%SZ"), "page_size": 1}
            asked |= {"step": step} if step else {}
            path = f"{BASE}/metrics?{urllib.parse.urlencode(asked)}"
            yield f"{word}, {name}", (path, None)
            yield f"{word}, {name}, one fleet", (path, f"{word}-1")


class Figure:
    """What was measured of one summary."""

    def __init__(self):
        self.times, self.rows, self.bytes, self.others = [], [], [], 0

    def add(self, service, server, path, key):
        served = 'fleet_metrics_reports_total{source="clickhouse"}'
        reports, read = service.measured(served), server.read()
        for _ in range(CALLS):
            begin = time.monotonic()
            status, content = service.ask("GET", path, key=key)
            self.times.append(time.monotonic() - begin)
            if status != 200:
                fail(f"{path}: {status} {content.decode()}")
        rows, size = (after - before for before, after in zip(read, server.read()))
        self.rows.append(rows / CALLS)
        self.bytes.append(size / CALLS)
        self.others += CALLS - int(service.measured(served) - reports)

    def words(self):
        times = sorted(self.times)
        median, slowest = times[len(times) // 2] * 1000, times[-1] * 1000
        # A call that was given up read less.
        rows, size = max(self.rows), max(self.bytes) / (1 << 20)
        note = f", {self.others} of them by the SQL database" if self.others else ""
        return f"{median:6.0f} ms {slowest:6.0f} ms {rows:12,.0f} {size:8,.1f} MiB {len(times):6}{note}"


def measure(server, data, exported, chosen, keys):
    figures = {(name, program): Figure() for name in chosen for program in PROGRAMS}
    deadline = time.monotonic() + MEASURING * len(PROGRAMS)
    for number in range(ROUNDS):
        if time.monotonic() > deadline:
            break
        for program in PROGRAMS if number % 2 == 0 else reversed(PROGRAMS):
            service = Service(program, data, exported)
            try:
                for name, (path, fleet) in chosen.items():
                    figures[name, program].add(service, server, path, keys[fleet])
            finally:
                service.stop()
    print(f"{'summary':32} {'P50':>9} {'slowest':>9} {'rows read':>12} {'bytes read':>12} {'calls':>6}")
    for name in chosen:
        for program in PROGRAMS:
            label = name if program == PROGRAMS[0] else "  " + os.path.relpath(program)
            print(f"{label:32} {figures[name, program].words()}", flush=True)


def main():
    directory = tempfile.mkdtemp(dir=PROJECT + "/.build", prefix="bench-history-")
    os.environ["DEV_DEPS_DIR"] = directory + "/set"
    # So that an interruption, too, ends the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    data = directory + "/data"
    try:
        dev_deps("start", "clickhouse")
        lines = dev_deps("environment").splitlines()
        exported = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        server, service = Server(exported), Service(PROGRAMS[0], data, exported)
        try:
            large, average = make_federation(service, "large"), make_federation(service, "average")
            keys = {None: KEY}
            for fleet in ("large-1", "average-1"):
                draft = {"name": fleet, "roles": ["fleet_operator"], "fleet_ids": [fleet]}
                keys[fleet] = service.post("/api-keys", draft)["key"]
        finally:
            service.stop()
        begin = time.monotonic()
        fill(server, large, average)
        filled = time.monotonic()
        server.settle()
        print(f"filled in {filled - begin:.0f} s, merged {time.monotonic() - filled:.0f} s later", flush=True)
        print(server.ask(
            "SELECT table, formatReadableQuantity(sum(rows)), formatReadableSize(sum(bytes_on_disk)), count() AS parts"
            " FROM system.parts WHERE active AND database = currentDatabase() AND rows > 1000 GROUP BY table"
            " ORDER BY sum(rows) DESC FORMAT TSV"
        ), flush=True)
        measure(server, data, exported, dict(scenarios(large, average)), keys)
    finally:
        dev_deps("stop")
        shutil.rmtree(directory)


main()
