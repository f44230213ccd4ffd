"""Reads the service's events from Kafka, and handles each of them once.

    pip install confluent-kafka 'cloudevents<2'
    python3 kafka-consumer.py --brokers localhost:9092 --state events.db

The service publishes at least once: after a crash, or when brokers fail, some records come again. Within a partition,
what comes for the first time comes in the order of the log. So one place tells what was there before: the highest
position (`ce_fleetposition`) that was handled of the partition. It is kept in the same transaction as what is made of the
event, beside the offset to go on from; a record is then handled once, also when this program is killed.

Where PostgreSQL fails over to a standby that was behind, the log goes on without its last events, and gives their positions
to others. Those are on a later timeline (`ce_fleettimeline`, absent where there is none), which counts before the position.
"""

import argparse
import json
import sqlite3
import time

from cloudevents.kafka import KafkaMessage, from_binary
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition


def handle(event, database):
    """What you make of an event; whatever it writes to `database` is committed together with the event's place."""
    print(json.dumps({**event.get_attributes(), "data": event.data}), flush=True)


def place(database, record):
    """The highest timeline and position on it that were handled of the record's partition."""
    row = database.execute(
        "SELECT timeline, position FROM places WHERE topic = ? AND part = ?", (record.topic(), record.partition())
    ).fetchone()
    return row or (0, 0)


def take(record, database, replays):
    """Handles the record unless it was handled before.

    Returns whether it did.
    """
    headers = dict(record.headers())
    here = int(headers.get("ce_fleettimeline", 0)), int(headers["ce_fleetposition"])
    # A replay was asked for by an operator, and is meant to come again.
    is_replay = "ce_replayid" in headers
    highest = place(database, record)
    is_new = replays if is_replay else here > highest
    with database:
        if is_new:
            message = KafkaMessage(headers=headers, key=record.key().decode(), value=record.value())
            handle(from_binary(message, data_unmarshaller=json.loads), database)
        database.execute(
            "INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?, ?)",
            (
                record.topic(),
                record.partition(),
                *(highest if is_replay else max(here, highest)),
                record.offset() + 1,
            ),
        )
    return is_new


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--topic", default="fleet-coordination.events")
    parser.add_argument("--group", default="fleet-events")
    parser.add_argument("--state", required=True, help="a SQLite file")
    parser.add_argument("--replays", action="store_true", help="handle what is replayed, too")
    parser.add_argument("--stop-after", type=float, help="seconds without a record after which it ends")
    options = parser.parse_args()

    database = sqlite3.connect(options.state)
    database.execute(
        "CREATE TABLE IF NOT EXISTS places (topic TEXT, part INTEGER, timeline INTEGER, position INTEGER, next INTEGER,"
        " PRIMARY KEY (topic, part))"
    )
    consumer = Consumer(
        {
            "bootstrap.servers": options.brokers,
            "group.id": options.group,
            "auto.offset.reset": "earliest",
            # Where to go on is kept in the database.
            "enable.auto.commit": False,
            "session.timeout.ms": 6000,
        }
    )

    def go_on(consumer, partitions):
        found = {(topic, part): next for topic, part, next in database.execute("SELECT topic, part, next FROM places")}
        consumer.assign(
            [TopicPartition(p.topic, p.partition, found.get((p.topic, p.partition), OFFSET_BEGINNING)) for p in partitions]
        )

    consumer.subscribe([options.topic], on_assign=go_on)
    last = time.monotonic()
    try:
        while options.stop_after is None or time.monotonic() - last < options.stop_after:
            record = consumer.poll(0.2)
            if record is None:
                continue
            last = time.monotonic()
            if record.error():
                raise KafkaException(record.error())
            take(record, database, options.replays)
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
