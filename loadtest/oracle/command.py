"""``python -m loadtest oracle``: what races serve, beside the best single family chosen in hindsight."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from loadtest.oracle.play import BATCH, EVERY, FAMILIES, alone, persistence, played
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
    # A frozen model may be renewed as often as a race may start.
    refresh = BATCH if mode == "online" else EVERY
    families = {family: alone(rows, family, refresh).to_json() for family in FAMILIES}
    best = max(families, key=lambda family: families[family]["accuracy"])
    judged = [one["points_worse"] for one in outcome.promotions if "points_worse" in one]
    return {
        "stream": name,
        "mode": mode,
        "loss": loss,
        "rows": len(rows),
        "served": outcome.score.to_json(),
        "best": best,
        "best_log_loss": min(family["log_loss"] for family in families.values()),
        "families": families,
        "refresh_rows": refresh,
        "same_as_last": persistence(rows),
        "promotions": outcome.promotions,
        "rollbacks": outcome.rollbacks,
        "promotions_worse_by_a_point": sum(worse > 1.0 for worse in judged),
        "notes": outcome.kinds,
    }


def _line(one: dict[str, Any]) -> str:
    worse = one["promotions_worse_by_a_point"]
    return (
        f"{one['stream']}, {one['mode']}: served {one['served']['accuracy']:.4f}, best alone {one['best']} "
        f"{one['families'][one['best']]['accuracy']:.4f}; {len(one['promotions'])} promotions, {worse} of them worse"
    )


def _table(found: list[dict[str, Any]]) -> Table:
    columns = (
        "stream",
        "mode",
        "served",
        "best alone",
        "log loss",
        "best",
        "last label",
        "promotions",
        "worse",
        "back",
    )
    made = Table(*columns)
    for one in found:
        best = one["families"][one["best"]]
        made.add_row(
            one["stream"],
            one["mode"],
            f"{one['served']['accuracy']:.4f}",
            f"{best['accuracy']:.4f} {one['best']}",
            f"{one['served']['log_loss']:.3f}",
            f"{one['best_log_loss']:.3f}",
            f"{one['same_as_last']:.4f}",
            str(len(one["promotions"])),
            str(one["promotions_worse_by_a_point"]),
            str(one["rollbacks"]),
        )
    return made
