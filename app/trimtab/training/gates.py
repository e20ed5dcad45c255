"""Gates: what a candidate that is ahead must pass before it becomes a version.

Those of the race are looked at after every batch, and a candidate may pass them later than it wins; those of the model
are looked at once all others are passed.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from trimtab.config import ModelConfig
from trimtab.errors import TrainingError
from trimtab.performance.metrics import HIGHER_IS_BETTER
from trimtab.registry.snapshot import dump
from trimtab.training.golden import Golden
from trimtab.training.own_gates import ask_own
from trimtab.training.race import Candidate
from trimtab.training.recent import Recent
from trimtab.training.tally import Tally
from trimtab.training.task import Task

__all__ = ["GateResult", "failed", "of_model", "of_race", "open_ones", "size_gate", "told"]

_TIMED = 500
_SLOWEST = 0.99


@dataclass(frozen=True, slots=True)
class GateResult:
    """What one gate says.

    Parameters
    ----------
    value, limit
        What was measured, and what it may be at most; of ``accuracy`` and ``f1`` at least.
    passed
        None: not shown yet, more examples may.
    evidence
        Of a test, that it is passed: wealth, to be at least 1 / alpha.
    why
        For people, when it is not passed.
    """

    gate: str
    value: float
    limit: float
    passed: bool | None
    evidence: float | None = None
    why: str = ""


def failed(results: Iterable[GateResult]) -> list[GateResult]:
    """Those that no further example can mend."""
    return [one for one in results if one.passed is False]


def open_ones(results: Iterable[GateResult]) -> list[GateResult]:
    """Those that are not passed yet."""
    return [one for one in results if one.passed is None]


def told(results: Iterable[GateResult]) -> dict[str, float | str | None]:
    """Gates as an audit entry has them.

    Examples
    --------
    >>> told([GateResult("accuracy", 0.6, 0.7, None, why="it is below")])
    {'gate accuracy': 0.6, 'gate accuracy limit': 0.7, 'gate accuracy why': 'it is below'}
    """
    found: dict[str, float | str | None] = {}
    for one in results:
        found |= {f"gate {one.gate}": one.value, f"gate {one.gate} limit": one.limit}
        if one.evidence is not None:
            found[f"gate {one.gate} evidence"] = one.evidence
        if one.why:
            found[f"gate {one.gate} why"] = one.why
    return found


def of_race(config: ModelConfig, candidate: Candidate, champion: Tally, *, over: bool) -> list[GateResult]:
    """Quality, calibration and protected segments, over the examples of the race so far.

    Parameters
    ----------
    champion
        Of the same examples.
    over
        No more examples come: a protected value that is too rare to say anything of no longer holds a candidate back.
    """
    quality = _quality(config, candidate, champion)
    return [*quality, *_calibration(config, candidate), *_protected(config, candidate, over)]


def _quality(config: ModelConfig, candidate: Candidate, champion: Tally) -> Iterator[GateResult]:
    if not config.gates.quality:
        return
    found, others = candidate.tally.metrics(config.task), champion.metrics(config.task)
    for gate in config.gates.quality:
        value, higher = found.get(gate.metric, math.nan), HIGHER_IS_BETTER[gate.metric]
        name, limit, of = str(gate.metric), gate.limit, "the limit"
        if limit is None:
            worse = gate.within or 0.0
            limit = others.get(gate.metric, math.nan) + (-worse if higher else worse)
            name, of = f"{name} beside champion", f"the champion's {'-' if higher else '+'} {worse:g}"
        good = value >= limit if higher else value <= limit
        side = "at least" if higher else "at most"
        yield GateResult(name, value, limit, good or None, why="" if good else f"must be {side} {of} in the race")


def _calibration(config: ModelConfig, candidate: Candidate) -> Iterator[GateResult]:
    limit = config.gates.max_calibration_error
    if limit is not None:
        value = candidate.tally.calibration_error
        good = value <= limit
        why = "" if good else "its probabilities are further from what came true than gates.max_calibration_error"
        yield GateResult("calibration_error", value, limit, good or None, why=why)


def _protected(config: ModelConfig, candidate: Candidate, over: bool) -> Iterator[GateResult]:
    for shown in candidate.protection.shown(config.gates.protected, config.protected_values):
        if over and shown.examples < shown.spec.min_examples:
            continue
        enough = 1.0 / shown.spec.alpha
        passed = True if shown.harmless >= enough else None
        why = "" if passed else f"not shown to be within the tolerance on {shown.examples} examples"
        if passed is None and shown.harmful >= enough:
            passed, why = False, f"its loss there is higher by more than the tolerance, on {shown.examples} examples"
        yield GateResult(
            f"protected {shown.name}", shown.increase, shown.spec.tolerance, passed, shown.harmless, why=why
        )


def size_gate(config: ModelConfig, model: Any) -> GateResult:
    """Followers would refuse a snapshot that is larger."""
    size, limit = len(dump(model, admit=config.admit)), config.gates.max_snapshot_bytes
    good = size <= limit
    why = "" if good else "the snapshot is larger than gates.max_snapshot_bytes: raise it, or make the model smaller"
    return GateResult("snapshot_bytes", float(size), float(limit), good, why=why)


def of_model(config: ModelConfig, task: Task, model: Any, recent: Recent, golden: Golden | None) -> list[GateResult]:
    """Size, golden examples, predict time and the user's own gates; a model that raises fails. ``model`` stays."""
    results = [size_gate(config, model)]
    try:
        if golden is not None:
            results.append(_golden(golden, task, copy.deepcopy(model)))
        if config.gates.max_predict_ms is not None:
            results.append(_predict_time(config.gates.max_predict_ms, task, copy.deepcopy(model), recent))
        for name in config.gates.own:
            value, limit, passed, why = ask_own(name, copy.deepcopy(model), list(_last(recent, _TIMED)))
            results.append(GateResult(f"own {name}", value, limit, passed, why=why))
    except TrainingError as error:
        results.append(GateResult("predicts", 1.0, 0.0, False, why=str(error)))
    return results


def _golden(golden: Golden, task: Task, model: Any) -> GateResult:
    wrong = golden.wrong(task, model)
    return GateResult("golden", float(len(wrong)), 0.0, not wrong, why="; ".join(wrong[:3]))


def _predict_time(limit_ms: float, task: Task, model: Any, recent: Recent) -> GateResult:
    """The one gate that depends on the machine."""
    took = []
    for x, _ in _last(recent, _TIMED):
        began = time.perf_counter_ns()
        task.predict(model, x)
        took.append((time.perf_counter_ns() - began) / 1e6)
    value = sorted(took)[min(int(len(took) * _SLOWEST), len(took) - 1)] if took else 0.0
    why = "" if value <= limit_ms else "one prediction takes longer here than gates.max_predict_ms"
    return GateResult("predict_ms_p99", value, limit_ms, value <= limit_ms, why=why)


def _last(recent: Recent, examples: int) -> Iterator[tuple[dict[str, Any], Any]]:
    for batch in recent.last(examples):
        yield from zip(batch.examples.inputs(), batch.examples.labels(), strict=True)
