"""``python -m loadtest``: fill a topic on an embedded broker, then measure the collector beside reading alone."""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import uuid
from pathlib import Path

import yaml

from loadtest.measure import Measured, collect, read_raw
from loadtest.stream import FEATURES, MODEL, fill
from trimtab.config import load_config
from trimtab.kafka.clients import admin
from trimtab.kafka.embedded import EmbeddedBroker
from trimtab.kafka.topics import Topics, create_topics


def settings(bootstrap: str, prefix: str, folder: Path) -> dict[str, object]:
    """The configuration of one round."""
    model = {
        "task": "binary",
        "features": {name: {"type": "numeric"} for name in FEATURES},
        "window": {"size": "10s", "lateness": "60s"},
        "factory": {"class": "river.linear_model:LogisticRegression"},
    }
    kafka = {"bootstrap_servers": bootstrap, "topic_prefix": prefix, "partitions": 4}
    return {"kafka": kafka, "data_dir": str(folder / prefix.strip(".")), "models": {MODEL: model}}


def one_round(bootstrap: str, folder: Path, count: int) -> dict[str, Measured]:
    """Both measurements of one stream in topics of its own."""
    prefix = f"load{uuid.uuid4().hex[:8]}."
    path = folder / f"{prefix}yaml"
    path.write_text(yaml.safe_dump(settings(bootstrap, prefix, folder)), encoding="utf-8")
    config = load_config(path)
    create_topics(admin(config.kafka), config.kafka)
    topic = Topics(prefix).predictions
    fill(config.kafka, topic, count)
    return {
        "raw": read_raw(config.kafka, topic, count),
        "trimtab": collect(config.kafka, path, topic, count),
    }


def spread(values: list[float]) -> dict[str, float]:
    """Least, median and greatest.

    Examples
    --------
    >>> spread([3.0, 1.0, 2.0])
    {'min': 1.0, 'median': 2.0, 'max': 3.0}
    """
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m loadtest", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the result to this file")
    options = parser.parse_args()
    if options.events < 1_000 or options.rounds < 1:
        parser.error("give at least 1,000 events and 1 round")
    with tempfile.TemporaryDirectory(prefix="trimtab-loadtest-") as name:
        folder = Path(name)
        broker = EmbeddedBroker(folder / "broker")
        try:
            bootstrap = broker.start().bootstrap_servers
            rounds = [one_round(bootstrap, folder, options.events) for _ in range(options.rounds)]
        finally:
            broker.stop()
    peers = {
        who: {field: spread([getattr(found[who], field) for found in rounds]) for field in Measured._fields}
        for who in rounds[0]
    }
    for who, figures in peers.items():
        rate, cpu = figures["events_per_s"], figures["cpu_us_per_event"]
        print(
            f"{who:10} {rate['median']:>11,.0f} events/s ({rate['min']:,.0f} to {rate['max']:,.0f})   "
            f"{cpu['median']:7.1f} us CPU an event   {figures['rss_mb']['median']:5.0f} MB"
        )
    if options.json is not None:
        options.json.write_text(json.dumps({"events": options.events, "peers": peers}, indent=2) + "\n")


if __name__ == "__main__":
    main()
