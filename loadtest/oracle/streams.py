"""Streams with and without known changes, as rows of numbers and a label."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

__all__ = ["CHANGES", "Row", "synthetic", "table"]

CHANGES = (3_000, 6_000, 9_000, 12_000, 15_000)
_ROWS = 18_000


class Row(NamedTuple):
    """Features, and a label ``"0"`` or ``"1"``."""

    x: dict[str, float]
    label: str


def table(path: Path | None) -> list[Row]:
    """A gzipped CSV whose last column is the label; None for Elec2, which comes with the demo."""
    source = path if path is not None else Path(str(files("trimtab.demo") / "data" / "elec2.csv.gz"))
    with gzip.open(source, "rt", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        names = list(reader.fieldnames or ())
        return [Row({name: float(row[name]) for name in names[:-1]}, str(int(float(row[names[-1]])))) for row in reader]


def synthetic(seed: int = 7) -> list[Row]:
    """Five numbers whose concept changes abruptly at each of ``CHANGES``; a tenth of the labels is noise.

    In turns a line through two of the numbers, another line, and an exclusive-or that no line can follow.
    """
    return list(_rows(random.Random(seed)))


def _rows(rng: random.Random) -> Iterator[Row]:
    for at in range(_ROWS):
        x = {f"x{number}": rng.gauss(0, 1) for number in range(5)}
        concept = sum(at >= change for change in CHANGES)
        label = _CONCEPTS[concept](x) != (rng.random() < 0.1)
        yield Row(x, "1" if label else "0")


_CONCEPTS: tuple[Callable[[Mapping[str, float]], bool], ...] = (
    lambda x: x["x0"] + x["x1"] > 0,
    lambda x: x["x0"] - x["x1"] > 0.5,
    lambda x: (x["x0"] > 0) != (x["x1"] > 0),
    lambda x: x["x2"] > 0,
    lambda x: (x["x2"] > 0) != (x["x3"] > 0),
    lambda x: x["x4"] - x["x0"] > 0,
)
