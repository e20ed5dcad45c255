"""What must hold whatever was killed: each function tells what is wrong, one line each; none when all is well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["counted", "examples_once", "learnt_once", "predictions_once", "versions_once"]

Pair = tuple[str, str]


def counted(metrics: Iterable[Mapping[str, Any]], statistics: tuple[str, ...]) -> Counter[str]:
    """Sum of counts by model over all windows; segments count the same events again, so they are left out."""
    total: Counter[str] = Counter()
    for metric in metrics:
        if metric["statistic"] in statistics and not metric["segment"] and metric["feature"] is None:
            total[metric["model"]] += int(metric["value"])
    return total


def predictions_once(sent: Mapping[str, int], metrics: Iterable[Mapping[str, Any]], labelled: int = 0) -> list[str]:
    """Every prediction is in one window or counted as late; and so is each of the ``labelled`` examples per model."""
    total = counted(metrics, ("events", "labelled", "late_events", "late_labelled"))
    return [
        f"{model}: {total[model]} predictions and examples in windows or late, {count + labelled} expected"
        for model, count in sent.items()
        if total[model] != count + labelled
    ]


def examples_once(sent: set[Pair], log: Iterable[Pair]) -> list[str]:
    """The examples log has every (model, id) that was sent, once, and nothing else."""
    found = Counter(log)
    return (
        [f"lost: {pair}" for pair in sorted(sent - found.keys())]
        + [f"never sent: {pair}" for pair in sorted(found.keys() - sent)]
        + [f"{times} times: {pair}" for pair, times in sorted(found.items()) if times > 1]
    )


def learnt_once(learnt: Mapping[str, int], log: Iterable[Pair]) -> list[str]:
    """Each model has learnt as many examples as its log holds."""
    held = Counter(model for model, _ in log)
    return [
        f"{model}: {learnt.get(model, 0)} examples learnt, {held[model]} in the log"
        for model in sorted(held.keys() | learnt.keys())
        if learnt.get(model, 0) != held[model]
    ]


def versions_once(keys: Iterable[str]) -> list[str]:
    """No manifest is written twice, and versions have no gap."""
    times = Counter(keys)
    problems = [f"{key} was written {count} times" for key, count in sorted(times.items()) if count > 1]
    numbers: dict[str, list[int]] = {}
    for key in times:
        model, _, version = key.rpartition("/versions/")
        numbers.setdefault(model, []).append(int(version))
    for model, versions in sorted(numbers.items()):
        if sorted(versions) != list(range(1, len(versions) + 1)):
            problems.append(f"{model} has versions {sorted(versions)}")
    return problems
