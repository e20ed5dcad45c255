"""What was measured of races, as tables and as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

__all__ = ["draw", "equal_table", "unequal_table"]

_OURS, _FIXED, _PEEKED = "#0072B2", "#009E73", "#D55E00"


def equal_table(aa: dict[str, Any]) -> Table:
    """False winners between equal models, by test."""
    made = Table("equal models", "won", f"of {aa['races']:,} (alpha {aa['alpha']:g})")
    for name, key in (
        (f"race, {aa['candidates']} candidates", "promotions"),
        ("race, one candidate", "promotions_of_one"),
        (f"McNemar, once at {aa['examples']:,}", "mcnemar_fixed"),
        ("McNemar, peeked at every batch", "mcnemar_peeked"),
    ):
        made.add_row(name, str(aa[key]), f"{100 * aa[key] / aa['races']:.2f} %")
    return made


def unequal_table(ab: Sequence[dict[str, Any]]) -> Table:
    """Power and examples by gap."""
    first = ab[0]
    limit, examples = f"{first['limit']:,}", f"{first['examples']:,}"
    made = Table(
        "gap, points", f"won within {limit}", f"McNemar once at {limit}", f"within {examples}", "median examples"
    )
    for row in ab:
        median = "-" if row["median_examples"] is None else f"{row['median_examples']:,.0f}"
        shares = (row["power_within_limit"], row["mcnemar_fixed_power_at_limit"], row["power"])
        made.add_row(f"{row['gap']:g}", *(f"{100 * share:.0f} %" for share in shares), median)
    return made


def draw(aa: dict[str, Any], ab: Sequence[dict[str, Any]], png: Path) -> None:
    """False winners on the left, power and patience on the right."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4.4), layout="constrained")
    keys = ("promotions", "mcnemar_fixed", "mcnemar_peeked")
    bars = left.bar(
        ["race", "McNemar,\nonce", "McNemar,\npeeked"],
        [100 * aa[key] / aa["races"] for key in keys],
        color=[_OURS, _FIXED, _PEEKED],
    )
    left.bar_label(bars, fmt="%.1f %%", padding=2)
    left.margins(y=0.15)
    left.axhline(100 * aa["alpha"], color="#444444", linestyle="--", linewidth=1)
    left.set_title("Equal models: races won, %", loc="left")
    gaps = [f"{row['gap']:g}" for row in ab]
    for key, label, colour in (
        ("power_within_limit", f"race, {ab[0]['limit']:,} examples at most", _OURS),
        ("mcnemar_fixed_power_at_limit", f"McNemar, once at {ab[0]['limit']:,}", _FIXED),
        ("power", f"race, {ab[0]['examples']:,} at most", "#56B4E9"),
    ):
        middle.plot(gaps, [100 * row[key] for row in ab], marker="o", label=label, color=colour)
    middle.set_ylim(-3, 103)
    middle.set_xlabel("true gap in error rate, points")
    middle.set_title("Races won, %", loc="left")
    figure.legend(*middle.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    decided = [row for row in ab if row["median_examples"] is not None]
    right.plot([f"{row['gap']:g}" for row in decided], [row["median_examples"] for row in decided], "o-", color=_OURS)
    for row in decided:
        right.annotate(
            f"{row['median_examples']:,.0f}",
            (f"{row['gap']:g}", row["median_examples"]),
            (6, 4),
            textcoords="offset points",
        )
    right.set_yscale("log")
    right.margins(x=0.15, y=0.15)
    right.set_xlabel("true gap in error rate, points")
    right.set_title("Examples until a race is won, median", loc="left")
    figure.savefig(png, dpi=110)
    plt.close(figure)
