"""``python -m loadtest oracle``: what races serve, beside the best single family chosen in hindsight."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from loadtest.oracle.play import BATCH, EVERY, FAMILIES, FIRST, alone, persistence, played
from loadtest.oracle.streams import Row, synthetic, table
from loadtest.peers.machine import machine

__all__ = ["main"]

MODES = ("online", "frozen")


def main(argv: list[str]) -> int:
    """Play the streams named."""
    parser = argparse.ArgumentParser(prog="python -m loadtest oracle", description=__doc__)
    parser.add_argument("--table", type=Path, action="append", default=[], help="a gzipped CSV, the label last")
    parser.add_argument("--only", default="elec2,synthetic", help="of elec2, synthetic; empty for tables alone")
    parser.add_argument("--modes", default=",".join(MODES), help="by comma")
    parser.add_argument("--loss", choices=("brier", "error"), default="brier", help="what races compare")
    parser.add_argument("--rows", type=int, help="the first rows alone")
    parser.add_argument("--json", type=Path, help="write the result to this file")
    options = parser.parse_args(argv)
    console, found = Console(highlight=False), []
    for name, rows in _streams(options.only, options.table):
        some = rows[: options.rows] if options.rows else rows
        for mode in options.modes.split(","):
            found.append(_measured(name, some, mode, options.loss))
            console.print(_line(found[-1]), markup=False)
    console.print(_table(found))
    if options.json is not None:
        options.json.write_text(json.dumps({"machine": machine(), "streams": found}, indent=2) + "\n", encoding="utf-8")
    return 0


def _streams(only: str, tables: list[Path]) -> list[tuple[str, list[Row]]]:
    known = {"elec2": lambda: table(None), "synthetic": synthetic}
    named = [(name, known[name]()) for name in only.split(",") if name]
    return named + [(path.name.partition(".")[0], table(path)) for path in tables]


def _measured(name: str, rows: list[Row], mode: str, loss: str) -> dict[str, Any]:
    outcome = played(rows, mode, loss)
    ages = {"same": outcome.learnt, "renewed": _renewed(outcome.learnt)}
    families = {family: alone(rows, family, ages) for family in FAMILIES}
    judged = [one["points_worse"] for one in outcome.promotions if "points_worse" in one]
    return {
        "stream": name,
        "mode": mode,
        "loss": loss,
        "rows": len(rows),
        "served": outcome.score.to_json(),
        "alone": {age: {family: score[age].to_json() for family, score in families.items()} for age in ages},
        "renewed_rows": BATCH if mode == "online" else EVERY,
        "same_as_last": persistence(rows),
        "promotions": outcome.promotions,
        "rollbacks": outcome.rollbacks,
        "promotions_worse_by_a_point": sum(worse > 1.0 for worse in judged),
        "notes": outcome.kinds,
    }


def _renewed(learnt: list[int | None]) -> list[int | None]:
    """Ages of what is renewed as often as a race may start, without any evidence; younger where ``learnt`` is."""
    found: list[int | None] = []
    for record, age in enumerate(learnt):
        due = max(FIRST, record * BATCH // EVERY * EVERY // BATCH * BATCH)
        found.append(None if age is None else max(age, due))
    return found


def _best(one: dict[str, Any], age: str, metric: str) -> tuple[float, str]:
    """The best family at these ages, and its figure."""
    families = one["alone"][age]
    choose = max if metric == "accuracy" else min
    family = choose(families, key=lambda name: families[name][metric])
    return families[family][metric], family


def _line(one: dict[str, Any]) -> str:
    accuracy, family = _best(one, "same", "accuracy")
    return (
        f"{one['stream']}, {one['mode']}: served {one['served']['accuracy']:.4f}, best alone {family} {accuracy:.4f}; "
        f"{len(one['promotions'])} promotions, {one['promotions_worse_by_a_point']} of them worse"
    )


def _table(found: list[dict[str, Any]]) -> Table:
    losses = ("log loss", "best alone", "best renewed")
    made = Table("stream", "accuracy", "best alone", "best renewed", "last label", *losses, "promoted", "worse", "back")
    for one in found:
        figures = [
            [f"{one['served'][metric]:.4f}", *(_said(*_best(one, age, metric)) for age in ("same", "renewed"))]
            for metric in ("accuracy", "log_loss")
        ]
        counts = (len(one["promotions"]), one["promotions_worse_by_a_point"], one["rollbacks"])
        last = f"{one['same_as_last']:.3f}"
        made.add_row(f"{one['stream']} {one['mode']}", *figures[0], last, *figures[1], *map(str, counts))
    return made


def _said(figure: float, family: str) -> str:
    return f"{figure:.4f} {family}"
