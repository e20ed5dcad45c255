"""``trimtab simulate`` and ``trimtab demo``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from trimtab.cli.common import AsJson, ConfigPath, iso_time, load_connected, start_bar

__all__ = ["demo", "simulate"]

Processes = Annotated[int, typer.Option(min=1, max=16)]
Rate = Annotated[float, typer.Option(min=0.1, max=100_000, help="Rows per second.")]
Rows = Annotated[int | None, typer.Option(min=1, help="Play only the first rows.")]


def simulate(
    file: Annotated[Path, typer.Argument(help="A .csv, .csv.gz or .parquet file, rows in time order.")],
    *,
    model: Annotated[list[str], typer.Option("--model", "-m", help="Model that predicts each row; may be repeated.")],
    label: Annotated[str, typer.Option(help="Column to predict.")],
    time: Annotated[str | None, typer.Option(help="Column with the event time.")] = None,
    start: Annotated[str | None, typer.Option(help="Event time of the first row, ISO 8601, without --time.")] = None,
    step: Annotated[str, typer.Option(help="Event time between rows, without --time.")] = "1s",
    train_share: Annotated[float, typer.Option(min=0, max=1, help="Share of the rows for the first version.")] = 0.1,
    label_delay: Annotated[int, typer.Option(min=0, help="A label comes after so many more predictions.")] = 1,
    rate: Rate = 480.0,
    rows: Rows = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Play a data file as a producer service would: predict each row with the champion, then tell its label."""
    import uuid

    from trimtab.config import parse_ms
    from trimtab.demo.measure import percentile, read_examples, staleness
    from trimtab.demo.simulate import Simulation, train_rows_of
    from trimtab.demo.story import Story
    from trimtab.errors import ConfigError
    from trimtab.files import read_table

    try:
        step_ms = parse_ms(step)
    except ValueError as error:
        raise ConfigError(f"--step: {error}") from None
    loaded = load_connected(config)
    table = read_table(
        file, label=label, time=time, start=None if start is None else iso_time(start, "--start"), step_ms=step_ms
    ).head(rows)
    train_rows = train_rows_of(loaded, model, len(table), train_share)
    run_id = uuid.uuid4().hex[:8]
    with Story(len(table)) as story:
        simulation = Simulation(
            loaded,
            model,
            table,
            train_rows=train_rows,
            rate=rate,
            label_delay=label_delay,
            run_id=run_id,
            on_step=story.step,
        )
        played = simulation.play()
    found: dict[str, Any] = {"run": run_id, "rows": played.rows, "events": played.events, "models": {}}
    logs = read_examples(loaded.kafka, model, run_id) if as_json else {}
    for name in model:
        right = played.right(name)
        found["models"][name] = {"accuracy": round(sum(right) / len(right), 4) if right else None}
        if as_json:
            stale = staleness(played, name, logs[name])
            found["models"][name]["staleness_rows"] = {"p50": percentile(stale, 0.5), "p99": percentile(stale, 0.99)}
    if played.stats is not None:
        found["delivered"], found["dropped"] = played.stats.delivered, played.stats.dropped
    found["seconds"] = round(played.seconds, 2)
    typer.echo(json.dumps(found) if as_json else _words(found))


def demo(
    *,
    exit_at_end: Annotated[bool, typer.Option("--exit", help="End when the data does.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result to this file.")] = None,
    rate: Rate = 480.0,
    rows: Rows = None,
    out: Annotated[Path, typer.Option(help="Folder of the plot.")] = Path("trimtab-demo"),
    file: Annotated[Path | None, typer.Option(help="Another data file, numbers only.")] = None,
    label: Annotated[str | None, typer.Option(help="Its column to predict [default: the last].")] = None,
    plot: Annotated[bool, typer.Option(help="Draw accuracy over time.")] = True,
    collectors: Processes = 1,
    monitors: Processes = 1,
    trainers: Processes = 1,
) -> None:
    """See it work: a broker, all roles, and a market whose data drift (Elec2, 45,312 rows)."""
    from trimtab.demo.run import DemoOptions, run_demo, write_result

    counts = {"collector": collectors, "monitor": monitors, "trainer": trainers}
    options = DemoOptions(file, label, rate, rows, out, plot, counts)
    with start_bar() as progress:
        found = run_demo(options, progress, hold=not exit_at_end, on_result=_writer(json_file, write_result))
    if json_file is not None:
        typer.echo(f"result: {json_file}; lost {found['lost']}")


def _writer(path: Path | None, write: Any) -> Any:
    """Writes the result as soon as there is one, since a held demo ends with Ctrl-C."""
    return (lambda found: write(found, path)) if path is not None else (lambda _: None)


def _words(found: dict[str, Any]) -> str:
    lines = [f"{found['rows']:,} rows, {found['events']:,} events in {found['seconds']} s"]
    lines += [f"{name}: accuracy {values['accuracy']}" for name, values in found["models"].items()]
    return "\n".join(lines)
