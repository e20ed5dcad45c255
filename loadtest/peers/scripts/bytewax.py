"""Bytewax: Kafka source, decode, key by model, fold into tumbling windows (unordered, the faster way), Kafka sink."""

# mypy: disable-error-code="import-not-found, import-untyped"
from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSinkMessage
from bytewax.connectors.kafka import operators as kafka
from bytewax.dataflow import Dataflow
from bytewax.operators import windowing
from bytewax.run import cli_main

from loadtest.peers.scripts.histograms import Bins, empty_bins, metric_of
from loadtest.peers.scripts.task import BASE_MS, EDGES, LATENESS_MS, WINDOW_MS, Meter, Orders


class Flow:
    """The steps of the flow that are ours."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self.seen = 0
        self.late = 0

    def decode(self, message: Any) -> Any:
        """A message's event."""
        if not self.seen:
            self._meter.start()
        self.seen += 1
        return orjson.loads(message.value)

    def count_late(self, _step: str, _item: Any) -> None:
        """An event came too late."""
        self.late += 1


def count(bins: Bins, event: Any) -> Bins:
    """Add an event to a window."""
    for name, number in event["features"].items():
        bins[name][bisect_right(EDGES, number)] += 1
    return bins


def merge(left: Bins, right: Bins) -> Bins:
    """Both windows in one."""
    return {name: [a + b for a, b in zip(counts, right[name], strict=True)] for name, counts in left.items()}


def message_of(closed: Any) -> Any:
    """The metric message of a window: key, then the window's number and its counts."""
    _key, (number, bins) = closed
    return KafkaSinkMessage(key=None, value=orjson.dumps(metric_of(BASE_MS + number * WINDOW_MS, bins)))


def build(orders: Orders, steps: Flow) -> Any:
    """The flow."""
    tuning = {name: str(value) for name, value in orders.tuning.items()}
    flow = Dataflow("drift")
    source = kafka.input(
        "in", flow, brokers=[orders.broker], topics=[orders.topic], tail=False, add_config=tuning, batch_size=5_000
    )
    keyed = op.key_on("model", op.map("decode", source.oks, steps.decode), lambda event: event["model"])
    clock = windowing.EventClock(
        lambda event: datetime.fromtimestamp(event["time"] / 1_000, UTC),
        wait_for_system_duration=timedelta(milliseconds=LATENESS_MS),
    )
    windower = windowing.TumblingWindower(
        length=timedelta(milliseconds=WINDOW_MS), align_to=datetime.fromtimestamp(BASE_MS / 1_000, UTC)
    )
    windows = windowing.fold_window(
        "windows", keyed, clock, windower, builder=empty_bins, folder=count, merger=merge, ordered=False
    )
    op.inspect("late", windows.late, steps.count_late)
    kafka.output("out", op.map("metric", windows.down, message_of), brokers=[orders.broker], topic=orders.out_topic)
    return flow


def main() -> None:
    """Run the flow to the end of the topic."""
    meter = Meter()
    steps = Flow(meter)
    cli_main(build(Orders.read(), steps), workers_per_process=1)
    meter.stop(steps.seen, steps.late)


if __name__ == "__main__":
    main()
