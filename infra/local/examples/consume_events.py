#!/usr/bin/env python3
"""Reads exchange.events: every event of every instrument in order, once as long as it is ended and not killed.

    python3 -m venv .venv && .venv/bin/pip install -r infra/local/examples/requirements.txt
    .venv/bin/python infra/local/examples/consume_events.py --brokers 127.0.0.1:19092 --group prices

Prints one JSON object for each event. Ctrl-C ends it; started again it goes on where it was. What to copy:

* The key is `exchange:symbol`: an instrument lies in one partition, in order.
* Delivery is at least once. The headers `epoch` and `offset` are an event's position, and within a partition positions
  only grow: what is not above the last one is a repetition.
* The position is committed together with the offset, as its metadata. So a repetition is told after a restart, too.
  What was handled and not yet committed when the program was killed is handled again: only a handler that commits the
  position together with what it does, in one transaction, has everything once.
* Trades are told apart by `exchange`, `symbol` and `id` besides, see the README.
* `stream-gap` says that events between two positions are lost. The records with the header `state` that follow it are
  the last known values from then; they have no position of their own.
"""

import argparse
import json
import signal
import threading

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata

TOPIC = "exchange.events"
NOTHING = (0, 0)


class Positions(ConsumerRebalanceListener):
    """The last position of each partition that is ours, kept with the group's offsets."""

    def __init__(self, consumer):
        self.consumer = consumer
        self.last = {}

    def on_partitions_assigned(self, assigned):
        # Others may have had them in between: what they committed is read when it is needed.
        self.last.clear()

    def on_partitions_revoked(self, revoked):
        pass

    def is_new(self, partition, position):
        if partition not in self.last:
            committed = self.consumer.committed(partition, metadata=True)
            self.last[partition] = read_position(committed.metadata if committed else "")
        if position <= self.last[partition]:
            return False
        self.last[partition] = position
        return True

    def commit(self, polled):
        offsets = {}
        for partition, records in polled.items():
            epoch, offset = self.last.get(partition, NOTHING)
            fields = (records[-1].offset + 1, f"{epoch}-{offset}", -1)
            # Older clients, such as Debian's, know no leader epoch.
            offsets[partition] = OffsetAndMetadata(*fields[: len(OffsetAndMetadata._fields)])
        self.consumer.commit(offsets)


def read_position(text):
    epoch, _, offset = (text or "").partition("-")
    return (int(epoch), int(offset)) if epoch.isdigit() and offset.isdigit() else NOTHING


def handle(kind, key, position, event):
    """What a real service replaces."""
    print(json.dumps({"kind": kind, "key": key, "position": position, "event": event}), flush=True)


def take(positions, partition, record):
    headers = {name: value.decode() for name, value in record.headers}
    if not {"type", "epoch", "offset"} <= headers.keys():
        return  # somebody else's
    position = (int(headers["epoch"]), int(headers["offset"]))
    key = record.key.decode() if record.key is not None else None
    value = json.loads(record.value)
    if "state" in headers:
        handle("state", key, position, value)
    elif positions.is_new(partition, position):
        handle("gap" if headers["type"] == "stream-gap" else "event", key, position, value)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--brokers", required=True, help="host:port, several with commas")
    parser.add_argument("--group", required=True, help="consumers of one group share the partitions")
    options = parser.parse_args()
    stop = threading.Event()
    # What was polled is handled and committed first.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    consumer = KafkaConsumer(
        bootstrap_servers=options.brokers.split(","),
        group_id=options.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    positions = Positions(consumer)
    consumer.subscribe([TOPIC], listener=positions)
    try:
        while not stop.is_set():
            polled = consumer.poll(timeout_ms=500)
            for partition, records in polled.items():
                for record in records:
                    take(positions, partition, record)
            if polled:
                positions.commit(polled)
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
