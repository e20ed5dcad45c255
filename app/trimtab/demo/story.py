"""The demo's story in the terminal: what happened, line by line, and a progress bar with the accuracies now."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from trimtab.demo.simulate import Played

__all__ = ["Story", "audit_line"]

_EVERY_ROWS = 100
_WINDOW = 1_000


class Story:
    """Tells what happens while a table is played; also usable where there is no terminal.

    Parameters
    ----------
    rows
        Rows to be played.
    """

    def __init__(self, rows: int) -> None:
        self.console = Console(stderr=True)
        self._baselines: dict[str, Sequence[bool]] = {}
        self._lock = threading.Lock()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[accuracy]}"),
            console=self.console,
            refresh_per_second=4,
            transient=True,
        )
        self._task = self._progress.add_task("rows", total=rows, accuracy="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def compare(self, baselines: dict[str, Sequence[bool]]) -> None:
        """Show these beside the served models: named lists of right answers from the first predicted row on."""
        self._baselines = baselines

    def say(self, line: str) -> None:
        """One line of the story."""
        with self._lock:
            self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def step(self, played: Played) -> None:
        """Show how far we are; cheap enough to be called for every row."""
        if played.rows % _EVERY_ROWS == 0:
            self._progress.update(self._task, completed=played.rows, accuracy=self._accuracy(played))

    def record(self, topic: str, record: dict[str, Any]) -> None:
        """Tell an alert or an entry of the audit log."""
        line = alert_line(record) if topic == "alerts" else audit_line(record)
        if line:
            self.say(line)

    def _accuracy(self, played: Played) -> str:
        count = len(played.labels_sent)
        if not count:
            return "waiting for the first version" if played.rows >= played.first else "training rows"
        low = max(0, count - _WINDOW)
        first = played.first
        parts = []
        for model in played.models:
            answers = played.predictions[model][low:count]
            right = sum(p == y for p, y in zip(answers, played.labels[first + low : first + count], strict=False))
            parts.append(f"{model} {right / max(1, len(answers)):.3f}")
        parts += [f"{name} {sum(right[low:count]) / (count - low):.3f}" for name, right in self._baselines.items()]
        return f"accuracy of the last {count - low:,}: " + ", ".join(parts)


def alert_line(alert: dict[str, Any]) -> str:
    """One alert in words."""
    return f"{_day(alert['event_time_ms'])}  {alert['state']:8} {alert['model']}: {alert['summary']}"


def audit_line(entry: dict[str, Any]) -> str:
    """One entry of the audit log in words; empty for what is of no interest here."""
    action, version = entry["action"], entry["version"]
    if action not in ("registered", "promoted", "rolled_back", "race_started"):
        return ""
    named = f" version {version}" if version is not None else ""
    when = entry["event_time_ms"]
    return f"{_day(when) if when is not None else '':10}  {action.replace('_', ' '):8} {entry['model']}{named}" + (
        f" ({entry['trigger']})" if entry["trigger"] else ""
    )


def _day(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1_000, UTC).strftime("%Y-%m-%d")
