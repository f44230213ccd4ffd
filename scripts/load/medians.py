"""Reads the lines of scripts/test-load-engines and prints medians: medians.py SECONDS.

A line is a round, a name, the rate, P50, P95 and P99 in ms, and errors; of decisions also the hundredths of a second of
processor time that the service took, and PostgreSQL, and the connections to it. A ratio is the median of those of each
round, whose figures lie beside each other in time.
"""

import statistics
import sys

SECONDS = float(sys.argv[1])
NAMES = {
    "sqlite": "decisions, SQLite",
    "pgbench": "pgbench, one insert each",
    "one": "decisions, PostgreSQL, one replica",
    "sinks": "the same, Kafka and ClickHouse besides",
    "three": "decisions, three replicas, HAProxy",
    "one-lone": "a lone client, one replica",
    "sinks-lone": "the same, Kafka and ClickHouse besides",
    "read-memory": "reads, the memory of the process",
    "read-redis": "reads, Redis",
    "read-database": "reads, the database",
}
# What each is beside.
BESIDE = {
    "sqlite": ["pgbench"],
    "one": ["pgbench", "sqlite"],
    "sinks": ["one"],
    "three": ["one", "pgbench"],
    "sinks-lone": ["one-lone"],
    "read-redis": ["read-database", "read-memory"],
}

rounds = {}
for line in sys.stdin:
    number, name, *figures = line.split()
    rounds.setdefault(name, {})[number] = [float(figure) for figure in figures]


def median(name, column):
    return statistics.median(figures[column] for figures in rounds[name].values())


def ratio(name, other, column):
    return statistics.median(
        figures[column] / rounds[other][number][column] for number, figures in rounds[name].items()
    )


for name, title in NAMES.items():
    rate, p50, p99 = (median(name, column) for column in (0, 1, 3))
    errors = sum(figures[4] for figures in rounds[name].values())
    text = f"{title:40} {rate:8.0f}/s  p50 {p50:6.2f} ms  p99 {p99:7.2f} ms  errors {errors:.0f}"
    for other in BESIDE.get(name, []):
        text += f"; {ratio(name, other, 0):.2f} of {other}, p50 {ratio(name, other, 1):.2f}"
    if len(next(iter(rounds[name].values()))) > 5 and name != "pgbench":
        ours, theirs = (
            statistics.median(figures[column] / 100 / (figures[0] * SECONDS) * 1e6 for figures in rounds[name].values())
            for column in (5, 6)
        )
        text += f"; {ours:.0f} us of the service and {theirs:.0f} of PostgreSQL each"
    if len(next(iter(rounds[name].values()))) > 7 and median(name, 7) > 0:
        text += f"; {median(name, 7):.0f} connections"
    print(text)
