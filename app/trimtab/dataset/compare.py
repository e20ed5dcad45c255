"""In what two training sets differ: sizes, times, offsets, labels, features, categories, and drift of each feature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trimtab.config import DriftSpec
from trimtab.dataset.summary import LABEL, Summary
from trimtab.drift import FeatureVerdict, evaluate
from trimtab.drift.evaluate import LEAST_REFERENCE
from trimtab.profiles import CategoricalProfile, NumericProfile, Reference, WindowProfile

__all__ = ["compared"]


def compared(left: Summary, right: Summary, drift: DriftSpec) -> dict[str, Any]:
    """What ``trimtab dataset diff --json`` prints.

    Parameters
    ----------
    left
        What the other is compared with, as windows are with a reference.
    drift
        Which statistics are taken, and from where on they say drift. Their p-values are those of formulas: examples
        that follow each other are alike, so a small one says less than the value.
    """
    sides = {"left": left, "right": right}
    return {
        "left": left.name,
        "right": right.name,
        "rows": {side: one.rows for side, one in sides.items()},
        "profiled_rows": {side: one.profiled()[0] for side, one in sides.items()},
        "time": {side: {"first_ms": one.first_ms, "last_ms": one.last_ms} for side, one in sides.items()},
        "offsets": {**{side: _offsets(one) for side, one in sides.items()}, "overlap": _overlap(left, right)},
        "labels": _labels(left, right),
        "features": _features(left, right),
        "categories": _categories(left, right),
        "drift": [_verdict(one) for one in _drift(left, right, drift)],
    }


def _offsets(one: Summary) -> dict[str, Any]:
    first, last = (min(one.offsets), max(one.offsets)) if one.offsets else (None, None)
    return {"topic": one.topic, "partition": one.partition, "first": first, "last": last, "records": len(one.offsets)}


def _overlap(left: Summary, right: Summary) -> dict[str, int] | None:
    """Records that both have, and their examples; None when there are none, or they are of two partitions."""
    if (left.topic, left.partition) != (right.topic, right.partition):
        return None
    both = left.offsets.keys() & right.offsets.keys()
    if not both:
        return None
    examples = sum(left.offsets[offset] for offset in both)
    return {"first": min(both), "last": max(both), "records": len(both), "examples": examples}


def _labels(left: Summary, right: Summary) -> dict[str, Any]:
    """Share of each class; of numbers their mean, standard deviation and extremes."""
    if "number" in (left.layout.label, right.layout.label):
        return {"shares": None, "moments": {"left": _moments(left), "right": _moments(right)}}
    names = sorted(left.labels.keys() | right.labels.keys())
    shares = {
        name: {"left": _share(left.labels[name], left.rows), "right": _share(right.labels[name], right.rows)}
        for name in names
    }
    return {"shares": shares, "moments": None}


def _moments(one: Summary) -> dict[str, float] | None:
    values = one.profiled()[1].get(LABEL)
    if values is None or not values.size:
        return None
    # Of what is left of values so large that their squares overflow, nothing could be said.
    values = values[np.abs(values) <= 1e140]
    if not values.size:
        return None
    found = {"mean": values.mean(), "std": values.std(), "min": values.min(), "max": values.max()}
    return {name: float(value) for name, value in found.items()}


def _share(count: int, rows: int) -> float:
    return count / rows if rows else 0.0


def _features(left: Summary, right: Summary) -> dict[str, list[str]]:
    before, after = left.layout.features, right.layout.features
    return {
        "new": sorted(after.keys() - before.keys()),
        "absent": sorted(before.keys() - after.keys()),
        "of_another_type": sorted(name for name in before.keys() & after.keys() if before[name] != after[name]),
    }


def _categories(left: Summary, right: Summary) -> dict[str, dict[str, list[str]]]:
    """By feature, those that only one side has; a feature with more than are remembered is left out."""
    found = {}
    for name in sorted(left.categories.keys() & right.categories.keys()):
        before, after = left.categories[name], right.categories[name]
        if before is not None and after is not None and before != after:
            found[name] = {"new": sorted(after - before), "absent": sorted(before - after)}
    return found


def _drift(left: Summary, right: Summary, spec: DriftSpec) -> list[FeatureVerdict]:
    """One verdict for each feature that both sides have as the same kind, and for the label; none of an empty side."""
    if not left.rows or not right.rows:
        return []
    _, numbers, texts = left.profiled()
    rows, more_numbers, more_texts = right.profiled()
    reference = Reference.of(left.name, numbers, texts, {})
    window = WindowProfile(
        rows,
        {
            name: NumericProfile.of(more_numbers[name], reference.frame(name))
            for name in numbers
            if name in more_numbers
        },
        {name: CategoricalProfile.of(more_texts[name], reference.known(name)) for name in texts if name in more_texts},
    )
    names = [name for name in (*left.layout.features, LABEL) if window.find(name) is not None]
    found: Mapping[str, FeatureVerdict] = {
        one.feature: one for one in evaluate(reference, window, _plain(spec), LEAST_REFERENCE, names)
    }
    return [found[name] for name in names]


def _plain(spec: DriftSpec) -> DriftSpec:
    """Without what needs whole rows."""
    return spec.model_copy(update={"domain_classifier": False, "multivariate": False})


def _verdict(one: FeatureVerdict) -> dict[str, Any]:
    return {
        "feature": one.feature,
        "status": one.status,
        "exceeded": list(one.exceeded),
        "statistics": {
            name: {"value": measured.value, "p_value": measured.p_value} for name, measured in one.measured.items()
        },
    }
