"""What the served models are compared with: the first version, never retrained, and the last label said again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trimtab.config import ModelConfig
from trimtab.events import canonical_features, canonical_value
from trimtab.files import Table
from trimtab.training.factory import build
from trimtab.training.lineage import model_input
from trimtab.training.task import make_task

__all__ = ["accuracy_by_decile", "never_retrained", "no_change"]


def never_retrained(model: ModelConfig, table: Table, train_rows: int) -> list[bool]:
    """Whether a model that learnt the first rows alone is right, from row ``train_rows`` on."""
    task = make_task(model.task, classes=model.classes)
    river = build(model.factory)
    labels = [canonical_value(label, model.task, "label") for label in table.labels]
    inputs = [model_input(canonical_features(row, model)) for row in table.features]
    for row in range(train_rows):
        task.learn(river, inputs[row], labels[row])
    return [task.predict(river, inputs[row]).value == labels[row] for row in range(train_rows, len(table))]


def no_change(labels: Sequence[Any], train_rows: int) -> list[bool]:
    """Whether the label before is right again, from row ``train_rows`` on."""
    return [row > 0 and labels[row] == labels[row - 1] for row in range(train_rows, len(labels))]


def accuracy_by_decile(right: Sequence[bool], first: int, rows: int) -> dict[str, Any]:
    """Accuracy overall and in each tenth of ``rows`` rows; ``right`` begins at row ``first``.

    Examples
    --------
    >>> accuracy_by_decile([True, False], first=8, rows=10)["deciles"][-3:]
    [None, 1.0, 0.0]
    >>> accuracy_by_decile([], first=0, rows=0)["overall"] is None
    True
    """
    deciles: list[float | None] = []
    for d in range(10):
        part = right[max(0, rows * d // 10 - first) : max(0, rows * (d + 1) // 10 - first)]
        deciles.append(round(sum(part) / len(part), 4) if part else None)
    return {"overall": round(sum(right) / len(right), 4) if right else None, "deciles": deciles}
