"""``python -m loadtest dashboard``: a fleet of a thousand models over a quarter of a year.

1. the log is written as the monitor would have written it: whole windows for all days, single statistics for as long as
   the dashboard shows them (untimed);
2. the dashboard starts without a store and is timed until it has read the log; its largest memory is noted;
3. a browser opens the fleet's page and a model's, each in a fresh profile, and says when it first painted;
4. the dashboard starts again, from its store.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import NamedTuple

import yaml

from loadtest.dashboard.records import Fleet, Timed, indexed, metrics, windows
from loadtest.processes import Role
from trimtab.config import Config, load_config, parse_ms
from trimtab.kafka.clients import admin, producer
from trimtab.kafka.embedded import EmbeddedBroker
from trimtab.kafka.topics import Topics, create_topics

__all__ = ["Figures", "main"]

PARTITIONS = 4
STALL_S = 1_800.0
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Figures(NamedTuple):
    """What was measured; paints are medians of five, None without a browser."""

    models: int
    windows: int
    metric_records: int
    rebuild_s: float
    peak_rss_mb: float
    store_mb: float
    fleet_paint_ms: float | None
    model_paint_ms: float | None
    fleet_answer_ms: float
    model_answer_ms: float
    restart_s: float


def measure(bootstrap: str, folder: Path, models: int, features: int, days: float) -> Figures:
    """One run."""
    path = _configure(bootstrap, folder, models, features)
    config = load_config(path)
    create_topics(admin(config.kafka), config.kafka)
    names = Topics(config.kafka.topic_prefix)
    until_ms = time.time_ns() // 3_600_000_000_000 * 3_600_000
    fleet = Fleet(models, features, days, until_ms, PARTITIONS)
    told = fill(config, names.windows, windows(fleet))
    detailed = fleet._replace(days=min(days, config.dashboard.detail / 86_400_000))
    single = fill(config, names.metrics, metrics(detailed))
    fill(config, names.registry, indexed(fleet))
    print(f"the log is written: {told:,} windows' records, {single:,} metric records", flush=True)
    began = time.perf_counter()
    with Role("dashboard", path) as role:
        url = _until_read(role, folder)
        rebuild_s = time.perf_counter() - began
        # A page that nobody has opened yet is a part of it.
        model = f"models/{fleet.names[7]}"
        fleet_paint, model_paint = paint_ms(url, ""), paint_ms(url, model)
        fleet_answer, model_answer = answer_ms(url, ""), answer_ms(url, model)
        peak = role.peak_rss_mb
    began = time.perf_counter()
    with Role("dashboard", path) as role:
        _until_read(role, folder)
        restart_s = time.perf_counter() - began
    size = sum(file.stat().st_size for file in (folder / "data" / "dashboard-0").iterdir()) / 1e6
    seen = (fleet_paint, model_paint, fleet_answer, model_answer)
    return Figures(models, told // 2, single, rebuild_s, peak, size, *seen, restart_s)


def fill(config: Config, topic: str, records: Iterable[Timed]) -> int:
    """Produce records with their timestamps; returns how many."""
    sender = producer(
        config.kafka, "loadtest-fill", linger_ms=20, batch_size=1 << 18, queue_buffering_max_messages=1_000_000
    )
    count = 0
    for count, (record, time_ms) in enumerate(records, 1):
        while True:
            try:
                sender.produce(topic, record.value, record.key, partition=record.partition, timestamp=time_ms)
                break
            except BufferError:
                sender.poll(0.1)
        if count % 1_000 == 0:
            sender.poll(0)
    if sender.flush(300):
        raise SystemExit(f"loadtest: the broker did not take {topic} within 300 s")
    return count


def _configure(bootstrap: str, folder: Path, models: int, features: int) -> Path:
    model = {
        "task": "binary",
        "features": {f"feature_{at}": {"type": "numeric"} for at in range(features)},
        "window": {"size": "1h"},
        "performance": [{"metric": "accuracy", "max_drop": 0.05}],
        "factory": {"class": "river.linear_model:LogisticRegression"},
    }
    settings = {
        "kafka": {"bootstrap_servers": bootstrap, "topic_prefix": "fleet.", "partitions": PARTITIONS},
        "data_dir": str(folder / "data"),
        "dashboard": {"port": 0},
        "models": {f"model-{number:04}": model for number in range(models)},
    }
    path = folder / "trimtab.yaml"
    path.write_text(yaml.dump(settings, Dumper=yaml.CSafeDumper), encoding="utf-8")
    return path


def _until_read(role: Role, folder: Path) -> str:
    """Wait until the log is read; returns the dashboard's address."""
    address = folder / "data" / "dashboard.url"
    address.unlink(missing_ok=True)
    deadline = time.monotonic() + STALL_S
    while time.monotonic() < deadline:
        role.check()
        if address.exists():
            url = address.read_text(encoding="utf-8").strip()
            with urllib.request.urlopen(f"{url}healthz", timeout=30) as answer:  # noqa: S310
                if json.loads(answer.read())["read_share"] >= 1:
                    return url
        time.sleep(0.1)
    raise SystemExit(f"loadtest: the dashboard has not read the log within {STALL_S:.0f} s:\n{role.log_tail}")


def answer_ms(url: str, where: str) -> float:
    """Median time of five answers of the server."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        with urllib.request.urlopen(url + where, timeout=60) as answer:  # noqa: S310
            answer.read()
        times.append(1e3 * (time.perf_counter() - began))
    return median(times)


def paint_ms(url: str, where: str) -> float | None:
    """Median of five first contentful paints, each in a fresh profile; None without a browser."""
    if CHROMIUM is None:
        return None
    from playwright.sync_api import sync_playwright

    times = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for _ in range(5):
            context = browser.new_context(viewport={"width": 1_280, "height": 900})
            page = context.new_page()
            page.goto(url + where, wait_until="commit")
            times.append(float(page.evaluate(_PAINT)))
            context.close()
        browser.close()
    return median(times)


_PAINT = """() => new Promise((done) => new PerformanceObserver((list) => {
  const paint = list.getEntriesByName("first-contentful-paint")[0];
  if (paint) done(paint.startTime);
}).observe({ type: "paint", buffered: true }))"""


def main(argv: list[str]) -> int:
    """Parse the command line and measure; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m loadtest dashboard", description=__doc__)
    parser.add_argument("--models", type=int, default=1_000)
    parser.add_argument(
        "--features", type=int, default=9, help="six statistics each: 9 make 61 metric records a window"
    )
    parser.add_argument("--for", dest="span", default="90d", help="how long windows of an hour go back")
    parser.add_argument("--json", type=Path, help="write the result to this file")
    options = parser.parse_args(argv)
    days = parse_ms(options.span) / 86_400_000
    with tempfile.TemporaryDirectory(prefix="trimtab-loadtest-") as name:
        broker = EmbeddedBroker(Path(name) / "broker")
        try:
            found = measure(broker.start().bootstrap_servers, Path(name), options.models, options.features, days)
        finally:
            broker.stop()
    paints = ", ".join("—" if ms is None else f"{ms:.0f} ms" for ms in (found.fleet_paint_ms, found.model_paint_ms))
    print(
        f"{found.models:,} models, {found.windows:,} windows, {found.metric_records:,} metric records: rebuilt in "
        f"{found.rebuild_s:.1f} s, {found.peak_rss_mb:.0f} MB, store {found.store_mb:.0f} MB; first paint of fleet and "
        f"model {paints}; answers {found.fleet_answer_ms:.0f} ms, {found.model_answer_ms:.0f} ms; restart "
        f"{found.restart_s:.1f} s"
    )
    if options.json is not None:
        options.json.write_text(json.dumps(found._asdict(), indent=2) + "\n", encoding="utf-8")
    return 0
