"""``trimtab backtest``: the live code over history."""

from __future__ import annotations

import json
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trimtab.cli.common import ConfigPath, iso_time, load

if TYPE_CHECKING:
    from trimtab.backtest import History
    from trimtab.config import ModelConfig

__all__ = ["backtest", "register"]

_MOST_LINES = 60


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(backtest)


def backtest(
    file: Annotated[Path | None, typer.Argument(help="A .csv, .csv.gz or .parquet file, rows in time order.")] = None,
    *,
    from_topic: Annotated[bool, typer.Option("--from-topic", help="Take what the input topics hold.")] = False,
    since: Annotated[
        str | None,
        typer.Option(help="With --from-topic: how far back, or an ISO 8601 time [default: 30d]."),
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Model [default: the only one].")] = None,
    reference: Annotated[Path | None, typer.Option(help="Another file to compare with.")] = None,
    reference_rows: Annotated[
        int | None, typer.Option(min=30, help="Compare with the first rows [default: first_version_after].")
    ] = None,
    healthy_until: Annotated[
        str | None, typer.Option(help="Row or ISO 8601 time until which nothing was wrong: counts false alarms.")
    ] = None,
    against: Annotated[Path | None, typer.Option(help="Another configuration, to compare.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result to this file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw features over windows to this .png file.")] = None,
    config: ConfigPath = None,
) -> None:
    """Say what would have fired on a data file or on past events, and when. Changes nothing."""
    from trimtab.errors import ConfigError

    if (file is None) != from_topic:
        raise ConfigError("give a file, or --from-topic")
    if file is not None and since is not None:
        raise ConfigError("--since goes with --from-topic; of a file, take the rows that you want")
    for path in (json_file, plot):
        if path is not None and not path.parent.is_dir():
            raise ConfigError(f"{path}: there is no folder {path.parent}; make it first")
    if reference is not None and reference_rows is not None:
        raise ConfigError("give --reference or --reference-rows, not both")
    source: _Source | _Topics
    if file is None:
        if reference_rows is not None:
            raise ConfigError("--reference-rows goes with a file; give --reference FILE, or none for the versions' own")
        source = _Topics(since or "30d", reference, healthy_until)
    else:
        source = _Source(file, reference, reference_rows, healthy_until)
    found = source.run(config, model)
    other = None if against is None else source.run(against, model)
    if json_file is not None:
        result = found if other is None else {**found, "against": other}
        json_file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if plot is not None:
        from trimtab.backtest.plot import draw

        draw(found, plot)
    typer.echo(_words(found))
    if against is not None and other is not None:
        typer.echo(f"\nwith {against}:\n{_words(other)}")
        typer.echo(_difference(found, other))


class _Source:
    """The data that one or two configurations are tried on."""

    def __init__(self, file: Path, reference: Path | None, rows: int | None, healthy_until: str | None) -> None:
        self._file = file
        self._reference = reference
        self._rows = rows
        self._healthy_until = healthy_until

    def run(self, config: Path | None, model: str | None) -> dict[str, Any]:
        """The report of one configuration."""
        from trimtab.backtest import backtest, read_history, reference_of, unusable
        from trimtab.backtest.report import About, report

        name, spec = _model(config, model)
        history = read_history(self._file, spec)
        if self._reference is not None:
            before, where = read_history(self._reference, spec, features_only=True), str(self._reference)
        else:
            count = self._rows or spec.first_version_after
            if count >= len(history):
                from trimtab.errors import ConfigError

                raise ConfigError(
                    f"{self._file}: {len(history):,} rows, and the first {count:,} are the reference, so none is left "
                    f"to be tested{_refused(history)}; give fewer --reference-rows, or another file as --reference"
                )
            before, where = history.take(slice(0, count)), f"rows 0 to {int(history.rows[count - 1])}"
            history = history.take(slice(count, None))
        made = reference_of(name, spec, before)
        findings = backtest(name, spec, made, history)
        until = _time_of(self._healthy_until, history.rows, history.time_ms)
        found = report(name, spec, findings, About.of(history), until)
        if spec.reference.from_ == "first_windows":
            typer.echo(f"note: first_windows are of live streams; compared with {where}", err=True)
        against = {"from": where, "rows": len(before), "too_few": unusable(made, spec)}
        return {"file": str(self._file), "reference": against, **found}


class _Topics:
    """What the input topics hold, since some time; compared with the versions' own references, or with a file."""

    def __init__(self, since: str, reference: Path | None, healthy_until: str | None) -> None:
        self._since_ms = _since(since)
        self._reference = reference
        self._healthy_until = healthy_until

    def run(self, config: Path | None, model: str | None) -> dict[str, Any]:
        """The report of one configuration."""
        from trimtab.backtest import read_history, reference_of, unusable
        from trimtab.backtest.report import About, iso, report
        from trimtab.backtest.run import detected, judged
        from trimtab.backtest.topics import TopicHistory
        from trimtab.cli.common import load_connected
        from trimtab.registry.index import RegistryIndex
        from trimtab.registry.signing import Trust
        from trimtab.roles.references import References

        name, spec = _model(config, model)
        connected = load_connected(config)
        index = RegistryIndex(connected.kafka, "trimtab-backtest-registry", Trust.of(connected))
        index.start()
        try:
            references = References(index)
            given = None
            if self._reference is not None:
                given = reference_of(name, spec, read_history(self._reference, spec, features_only=True))

            def of(version: int) -> Any:
                return references.get(name, version) if given is None else given

            history = TopicHistory(connected, name, self._since_ms, lambda _, version: of(version))
            findings = judged(name, spec, history.records(), of, connected.kafka.partitions)
            detected(name, spec, history.examples(), history.home, findings)
        finally:
            index.close()
        first, last = history.first_ms or 0, history.last_ms or 0
        about = About(history.predictions, first, last, history.refused, lambda _: None)
        until = None if self._healthy_until is None else _iso(self._healthy_until, "--healthy-until")
        where = "the versions' own" if self._reference is None else str(self._reference)
        rows = 0 if given is None else given.profile.count
        found = report(name, spec, findings, about, until)
        against = {"from": where, "rows": rows, "too_few": {} if given is None else unusable(given, spec)}
        return {"file": f"topics since {iso(self._since_ms)}", "reference": against, **found}


def _since(text: str) -> int:
    """Wall time of ``7d`` ago, or of an ISO 8601 time, in milliseconds."""
    import time

    from trimtab.config import parse_ms

    try:
        return time.time_ns() // 1_000_000 - parse_ms(text)
    except ValueError:
        return _iso(text, "--since")


def _model(config: Path | None, model: str | None) -> tuple[str, ModelConfig]:
    from trimtab.errors import ConfigError

    models = load(config).models
    if model is None and len(models) == 1:
        model = next(iter(models))
    if model is None or model not in models:
        problem = "several models" if model is None else f"no model {model!r}"
        raise ConfigError(f"{problem}; give --model, one of {', '.join(models)}")
    return model, models[model]


def _time_of(text: str | None, rows: Any, times_ms: Any) -> int | None:
    """Event time of a row's number or of an ISO 8601 time."""
    if text is None:
        return None
    if text.isdecimal():
        later = times_ms[rows >= int(text)]
        return int(later[0]) if later.size else int(times_ms[-1])
    return _iso(text, "--healthy-until")


def _iso(text: str, option: str) -> int:
    found = iso_time(text, option)
    return round((found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp() * 1_000)


def _words(found: dict[str, Any]) -> str:
    from trimtab.backtest.report import plural, rows_of, too_few

    lines = [f"{Path(found['file']).name}: {plural(found['rows'], 'row')} against {_against(found['reference'])}"]
    if found["reference"]["too_few"]:
        lines.append(too_few(found["reference"]["too_few"]))
    table = rows_of(found)
    if table:
        heads = ("row", "event time", "kind", "feature", "measured")
        widths = [max(len(line[k]) for line in (heads, *table)) for k in range(len(heads))]
        shown = [heads, *table[:_MOST_LINES]]
        lines += [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in shown
        ]
        if len(table) > _MOST_LINES:
            lines.append(f"... and {len(table) - _MOST_LINES} more (--json has all)")
    budget, false = found["budget"], found["false_alarms"]
    judged = sum(window["kind"] == "inputs" for window in found["windows"])
    notes = []
    if beside := sum(alert["kind"] == "sequential" for alert in found["alerts"]):
        notes.append(f"{beside} of sequential detectors, outside any budget")
    if found["cut_alarms"]:
        notes.append(f"{found['cut_alarms']} in windows that the data does not fill")
    own = f" ({', '.join(notes)})" if notes else ""
    said = f"{plural(found['alarms'], 'alarm')}{own} in {plural(judged, 'window')}"
    if budget["days"] is None:
        lines.append(f"{said}; without a time column it is not known how many the budget would allow")
    else:
        allowed = (
            ""
            if budget["expected"] is None
            else f"; the budget ({budget['false_alarms']}) allows {budget['expected']:.1f}"
        )
        lines.append(f"{said}, {budget['days']:.1f} days{allowed}")
    cut = [window for window in found["windows"] if window["cut"] and window["kind"] == "inputs"]
    if cut:
        spans = dict.fromkeys(f"{window['start']} to {window['end']}" for window in cut)
        lines.append(f"cut, since the data does not fill them: {', '.join(spans)}")
    if false is not None:
        lines.append(f"{false} of them false")
    if found["refused"]:
        row, why = next(iter(found["refused"].items()))
        lines.append(f"{plural(len(found['refused']), 'row')} would be refused, such as row {row}: {why}")
    return "\n".join(lines)


def _refused(history: History) -> str:
    if not history.refused:
        return ""
    row, why = next(iter(sorted(history.refused.items())))
    return f" ({len(history.refused):,} more would be refused, such as row {row}: {why})"


def _against(reference: dict[str, Any]) -> str:
    return f"{reference['rows']:,} ({reference['from']})" if reference["rows"] else f"references: {reference['from']}"


def _difference(found: dict[str, Any], other: dict[str, Any]) -> str:
    """Alarms that only one of two configurations has."""
    own, its = ({(a["kind"], a["feature"], a["segment"], a["row"]) for a in one["alerts"]} for one in (found, other))
    return (
        f"\nalarms of both {len(own & its)}, of the first alone {len(own - its)}, of the second alone {len(its - own)}"
    )
