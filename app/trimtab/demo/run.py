"""``trimtab demo``: everything on one machine, on real data, to the end: up, play, wait, measure, draw."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Any

import yaml

from trimtab.config import Config, load_config
from trimtab.demo.baseline import never_retrained, no_change
from trimtab.demo.configure import ELEC2_LABEL, Names, data_file, demo_config
from trimtab.demo.measure import read_examples
from trimtab.demo.plot import Chart, Curve, Mark, warm_up, write_plot
from trimtab.demo.report import Evidence, expected_events, result
from trimtab.demo.simulate import Played, Simulation
from trimtab.demo.story import Story
from trimtab.demo.watch import Watch
from trimtab.errors import ConfigError
from trimtab.events import canonical_value
from trimtab.files import Table, read_table
from trimtab.registry.index import RegistryIndex
from trimtab.registry.signing import Trust
from trimtab.roles.supervisor import Supervisor

__all__ = ["DemoOptions", "run_demo", "write_result"]

START = datetime.fromisoformat("1996-05-07T00:00:00+10:00")
STEP_MS = 30 * 60_000
TRAIN_SHARE = 0.1
# How long the last windows may take to close after the last event.
_CLOSE_S = 30.0
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class DemoOptions:
    """What ``trimtab demo`` takes. ``label`` is the last column of ``file`` by default."""

    file: Path | None = None
    label: str | None = None
    rate: float = 480.0
    rows: int | None = None
    out: Path = Path("trimtab-demo")
    plot: bool = True
    counts: Mapping[str, int] = field(default_factory=dict)
    on_started: Callable[[Supervisor], None] = lambda _: None


def run_demo(
    options: DemoOptions,
    progress: Progress | None = None,
    *,
    hold: bool = False,
    on_result: Callable[[dict[str, Any]], None] = lambda _: None,
) -> dict[str, Any]:
    """Run the demo to the end of its data and return the result.

    ``on_result`` gets the result as soon as there is one; with ``hold`` everything then goes on until Ctrl-C.

    Raises
    ------
    TrimtabError
        If anything needed is missing; the roles are stopped then too.
    """
    run_id = uuid.uuid4().hex[:8]
    stem, table = _table(options)
    train_rows = math.floor(TRAIN_SHARE * len(table))
    options.out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"trimtab-demo-{run_id}-"))
    settings, names = demo_config(stem, table.features[0], train_rows, prefix=f"demo-{run_id}.", folder=folder)
    # Every process needs a partition of its own; each further one makes every transaction larger.
    settings["kafka"]["partitions"] = max([1, *options.counts.values()])
    path = folder / "trimtab.yaml"
    path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    config = load_config(path)
    model = config.models[names.frozen]
    labels = [canonical_value(label, model.task, "label") for label in table.labels]
    story = Story(len(table))
    supervisor = Supervisor(
        config,
        path,
        options.counts,
        on_restart=lambda name, code, line: story.say(f"{name} ended with code {code}, started again: {line}"),
        progress=progress,
    )
    with ThreadPoolExecutor(1) as aside:
        # While Java starts, which takes seconds.
        compared = aside.submit(never_retrained, model, table, train_rows)
        supervisor.start()
    with supervisor, story:
        baseline = compared.result()
        story.compare({"never retrained": baseline, "same as last": no_change(labels, train_rows)})
        connected = supervisor.config
        story.say(f"Kafka at {connected.kafka.bootstrap_servers}; data and logs in {folder}")
        options.on_started(supervisor)
        evidence = _play(connected, names, table, train_rows, baseline, options, story, run_id)
        found = result(evidence)
        on_result(found)
        if options.plot:
            _draw(evidence, found, options.out, story)
        _summary(found, story)
        if hold:
            _hold(folder, story)
    # Kept when something failed, for its logs.
    shutil.rmtree(folder, ignore_errors=True)
    return found


def _table(options: DemoOptions) -> tuple[str, Table]:
    file = options.file or data_file()
    stem = re.sub(r"\W+", "_", file.name.split(".")[0]) or "model"
    label = options.label or (ELEC2_LABEL if options.file is None else _last_column(file))
    table = read_table(file, label=label, start=START, step_ms=STEP_MS).head(options.rows)
    if len(table) < 100:
        raise ConfigError(f"{file}: {len(table)} rows are too few for the demo; 100 are the least")
    return stem, table


def _last_column(file: Path) -> str:
    import gzip

    if not file.exists():
        raise ConfigError(f"{file}: no such file")
    if file.name.endswith(".parquet"):
        import pyarrow.parquet as pq

        return str(pq.read_schema(file).names[-1])
    with gzip.open(file, "rt") if file.name.endswith(".gz") else file.open() as lines:
        return lines.readline().strip().split(",")[-1].strip('"')


def _play(
    config: Config,
    names: Names,
    table: Table,
    train_rows: int,
    baseline: list[bool],
    options: DemoOptions,
    story: Story,
    run_id: str,
) -> Evidence:
    models = (names.online, names.frozen)
    watch = Watch(config.kafka, story.record)
    watch.start()
    try:
        simulation = Simulation(
            config, models, table, train_rows=train_rows, rate=options.rate, run_id=run_id, on_step=story.step
        )
        played = simulation.play()
        story.say(f"all {played.rows:,} rows are played in {played.seconds:.1f} s; waiting for the last windows")
        if options.plot:
            Thread(target=warm_up, name="plot").start()
        _wait_for_windows(played, watch)
    finally:
        watch.close()
    if watch.error is not None:
        raise watch.error
    index = RegistryIndex(config.kafka, "trimtab-demo", Trust.of(config))
    index.start()
    try:
        manifests = {model: index.versions(model) for model in models}
    finally:
        index.close()
    lateness_ms = config.models[names.online].window.lateness
    examples = read_examples(config.kafka, models, run_id)
    return Evidence(played, table, watch.heard, manifests, examples, baseline, names.online, names.frozen, lateness_ms)


def _wait_for_windows(played: Played, watch: Watch) -> None:
    """Until all is accounted for, or the deadline."""
    deadline = time.monotonic() + _CLOSE_S
    expected = expected_events(played)
    while time.monotonic() < deadline and watch.error is None:
        if watch.heard.account.lost(expected, sum(watch.heard.dead_letters.values())) <= 0:
            # The last windows' alerts come in the same transactions as their counts.
            time.sleep(0.3)
            return
        time.sleep(0.05)


def _draw(evidence: Evidence, found: dict[str, Any], out: Path, story: Story) -> None:
    played = evidence.played
    count = len(played.labels_sent)
    curves = [
        Curve("served, online", played.right(evidence.online)),
        Curve("served, frozen with races", played.right(evidence.frozen)),
        Curve("never retrained", evidence.never_retrained[:count]),
        Curve("same as last label", no_change(played.labels, played.first)[:count]),
    ]
    accuracy = found["accuracy"]
    facts = {
        "served, online": _percent(accuracy["served_online"]["overall"]),
        "served, frozen with races": _percent(accuracy["served_frozen_mode"]["overall"]),
        "never retrained": _percent(accuracy["never_retrained"]["overall"]),
        "same as last label": _percent(accuracy["no_change"]["overall"]),
        "staleness (p50)": f"{found['staleness_rows']['p50']} rows",
        "rows": f"{played.rows:,}",
        "lost": str(found["lost"]),
    }
    stem = evidence.online.removesuffix("_online")
    chart = Chart(
        f"Accuracy of served models on {stem}: drift seen, alerts raised, models replaced",
        evidence.table.times_ms,
        played.first,
        curves,
        marks(found),
    )
    png, page = out / "accuracy.png", out / "accuracy.html"
    write_plot(chart, png, page, facts)
    story.say(f"plot: {png} and {page}")


def marks(found: Mapping[str, Any]) -> list[Mark]:
    """Alerts that fired and versions that were promoted, as marks in lanes."""
    out = [
        Mark(a["row"], f"alerts: {a['feature']}", a["kind"], f"{a['model']}: {a['kind']} of {a['feature']}")
        for a in found["alerts"]
        if a["state"] == "firing"
    ]
    for v in found["versions"]:
        if v["version"] > 1 and v["row"] is not None:
            text = f"{v['model']}@{v['version']}, {v['candidate']}, trigger {v['trigger']}"
            out.append(Mark(v["row"], f"promotions: {v['model']}", "promotion", text))
    return sorted(out, key=lambda mark: (mark.lane, mark.row))


def _summary(found: dict[str, Any], story: Story) -> None:
    story.say("accuracy after the training rows" + " " * 10 + "overall, and by tenths of the rows (2nd to 10th)")
    for name, values in found["accuracy"].items():
        cells = " ".join("  .  " if cell is None else f"{cell:.3f}" for cell in values["deciles"][1:])
        story.say(f"  {name.replace('_', ' '):20} {values['overall'] or 0:.4f}   {cells}")
    firing = sum(alert["state"] == "firing" for alert in found["alerts"])
    story.say(
        f"{found['events']:,} events, lost {found['lost']}, dead letters {found['dead_letters']}; "
        f"{firing} alerts, {len(found['versions'])} versions; staleness p50 {found['staleness_rows']['p50']} rows; "
        f"alert latency p99 {found['alert_latency_s']['p99']} s; reload p99 {found['reload_s']['p99']} s"
    )


def _hold(folder: Path, story: Story) -> None:
    address = folder / "dashboard.url"
    where = address.read_text(encoding="utf-8").strip() if address.exists() else "its log names the address"
    story.say(f"dashboard: {where}; Ctrl-C stops")
    try:
        while True:
            time.sleep(1.0)
    except KeyboardInterrupt:
        story.say("stopping")


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f} %"


def write_result(found: Mapping[str, Any], path: Path) -> None:
    """Write the result whole or not at all."""
    temporary = path.with_name(path.name + f".{os.getpid()}")
    temporary.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)
