"""faust-streaming, tuned as its manual allows: raw values taken in batches, windows in a dict, no tables.

A table with ``group_by``, which survives a restart, is more than ten times slower.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any

import faust

from loadtest.peers.scripts.histograms import Histograms
from loadtest.peers.scripts.task import Meter, Orders

_BATCH = 5_000


def build(orders: Orders, folder: str) -> Any:
    """The app and its agent."""
    app = faust.App(
        f"peer-{orders.run}",
        broker=f"aiokafka://{orders.broker}",
        store="memory://",
        datadir=folder,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_buffer_maxsize=16_384,
        broker_max_poll_records=10_000,
    )
    source = app.topic(orders.topic, key_type=bytes, value_serializer="raw")
    target = app.topic(orders.out_topic, value_serializer="json")
    meter, histograms = Meter(), Histograms()

    async def drift(stream: Any) -> None:
        async for values in stream.take(_BATCH, within=1.0):
            meter.start()
            for metric in histograms.take(values):
                await target.send(value=metric)
            if histograms.seen >= orders.events:
                for metric in histograms.finish():
                    await target.send(value=metric)
                await app.producer.flush()
                meter.stop(histograms.seen, histograms.late)
                # Everything is written and measured; an orderly stop would take Faust many seconds.
                os._exit(0)

    app.agent(source)(drift)
    return app


def main() -> None:
    """Run the worker until the agent ends it."""
    with tempfile.TemporaryDirectory(prefix="loadtest-faust-") as folder:
        faust.Worker(build(Orders.read(), folder), loglevel="warning").execute_from_commandline()


if __name__ == "__main__":
    main()
