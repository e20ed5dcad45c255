"""What every tool is given in the comparison of power, and gives back: files of columns; NumPy only."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["BLOCK", "WARM_UP", "WINDOW", "blocks", "by_column", "write"]

WINDOW = 500
WARM_UP = 500
BLOCK = 50
"""Events for which tools that read event by event give one score."""


def blocks() -> list[tuple[int, dict[str, Any]]]:
    """Number and columns of each block that this process is to score; only as many streams as it is told."""
    folder, streams = Path(os.environ["LOADTEST_POWER_FOLDER"]), int(os.environ["LOADTEST_POWER_STREAMS"])
    found = []
    for number in map(int, os.environ["LOADTEST_POWER_BLOCKS"].split(",")):
        with np.load(folder / f"block-{number}.npz") as data:
            found.append((number, {key: v if key.startswith("ref/") else v[:streams] for key, v in data.items()}))
    return found


def by_column(
    data: Mapping[str, Any],
    score: Callable[[str, Any, Any], Mapping[str, Any]],
    skip: Callable[[str], bool] = lambda key: False,
) -> dict[str, Any]:
    """Scores of each column by itself.

    Parameters
    ----------
    score
        From the column's name, its reference and its streams to scores by variant, shape ``(streams, steps)``.
    skip
        Keys that the tool has nothing to say about.
    """
    found: dict[str, Any] = {}
    for key, streams in data.items():
        if key.startswith("ref/") or skip(key):
            continue
        column = key.rsplit("/", 1)[1].rstrip("!")
        for variant, scores in score(column, data[f"ref/{column}"], streams).items():
            found[f"{variant}|{key}"] = scores
    return found


def write(name: str, number: int, scores: Mapping[str, Any]) -> None:
    """Hand back the scores of one block."""
    np.savez(Path(os.environ["LOADTEST_POWER_FOLDER"]) / f"{name}-{number}.npz", **dict(scores))
