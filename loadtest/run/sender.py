"""One sender, a process: ``python -m loadtest.run.sender BOOTSTRAP PREFIX NUMBER START_S`` with the options on stdin.

Its events carry the time at which they were due, so that a sender that falls behind makes latencies longer, never
shorter. It prints what it sent as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque

import msgspec
from confluent_kafka import Producer

from loadtest.peers.formats import BATCH_EVENTS, Record
from loadtest.run.options import Options
from loadtest.run.traffic import Traffic
from trimtab.config import KafkaConfig
from trimtab.kafka.clients import producer
from trimtab.kafka.topics import Topics

__all__ = ["main"]

TICK_S = 0.01
# Of a sender at full speed.
TICK_EVENTS = 2_000
IN_FLIGHT = 100_000


class Sender:
    """Sends the predictions of one process, and their labels when those are due."""

    def __init__(self, options: Options, bootstrap: str, prefix: str, number: int) -> None:
        self._options = options
        self._topics = Topics(prefix)
        self._traffic = Traffic(options, number)
        self._producer: Producer = producer(
            KafkaConfig(bootstrap_servers=bootstrap, topic_prefix=prefix),
            f"loadtest-sender-{number}",
            queue_buffering_max_messages=4 * IN_FLIGHT,
        )
        self._due: deque[tuple[float, int, int]] = deque()
        self.predictions = self.records = self.labels = 0

    def run(self, start_s: float) -> None:
        """Send from ``start_s`` (wall time) on until the time is over and all labels are sent."""
        rate, end_s = self._options.rate / self._options.senders, start_s + self._options.seconds
        due_s = start_s
        while due_s < end_s:
            time.sleep(max(0.0, due_s - time.time()))
            if not rate:
                due_s = time.time()
            count = round(rate * (due_s + TICK_S - start_s)) - self.predictions if rate else TICK_EVENTS
            if self._options.format == "columnar" and rate:
                count -= count % BATCH_EVENTS
            drifted = self._options.drift and due_s > (start_s + end_s) / 2
            if count > 0:
                self._tick(count, due_s, drifted)
            self._label(due_s)
            while len(self._producer) > IN_FLIGHT:
                self._producer.poll(0.01)
            due_s += TICK_S if rate else 0.0
        while self._due:
            time.sleep(0.01)
            self._label(time.time())
        if self._producer.flush(60):
            raise SystemExit("loadtest: Kafka did not take every event within 60 s")

    def _tick(self, count: int, due_s: float, drifted: bool) -> None:
        for record in self._traffic.predictions(self.predictions, count, round(due_s * 1_000), drifted):
            self._produce(self._topics.predictions, record)
            self.records += 1
        if self._options.labels:
            self._due.append((due_s + self._options.label_delay_s, self.predictions, count))
        self.predictions += count
        self._producer.poll(0)

    def _label(self, now_s: float) -> None:
        while self._due and self._due[0][0] <= now_s:
            due_s, first, count = self._due.popleft()
            for record in self._traffic.labels(first, count, round(due_s * 1_000)):
                self._produce(self._topics.labels, record)
            self.labels += count

    def _produce(self, topic: str, record: Record) -> None:
        while True:
            try:
                self._producer.produce(topic, record.value, record.key or None, record.partition)
                return
            except BufferError:
                self._producer.poll(0.01)


def main(argv: list[str]) -> int:
    """Send; returns the exit code."""
    bootstrap, prefix, number, start_s = argv
    sender = Sender(msgspec.json.decode(sys.stdin.read(), type=Options), bootstrap, prefix, int(number))
    sender.run(float(start_s))
    print(json.dumps({"predictions": sender.predictions, "records": sender.records, "labels": sender.labels}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
