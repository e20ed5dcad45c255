"""The limit: confluent-kafka hands out messages, and nothing is done with them."""

from __future__ import annotations

from confluent_kafka import Consumer

from loadtest.peers.scripts.task import Meter, Orders


def main() -> None:
    """Read all events."""
    orders, meter = Orders.read(), Meter()
    consumer = Consumer(orders.consumer(**{"enable.auto.commit": False}))
    consumer.subscribe([orders.topic])
    seen = first = 0
    while seen < orders.events:
        found = len(consumer.consume(10_000, 1.0))
        seen += found
        if found and not meter.started:
            # Its fetch was before the clock, so the first batch is not counted.
            meter.start()
            first = found
    if seen == first:
        raise SystemExit("all events came in one batch: there is nothing to time; give more --events")
    meter.stop(seen - first)
    consumer.close()


if __name__ == "__main__":
    main()
