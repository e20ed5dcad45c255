"""Golden examples: inputs with what must come out, or with another input of which the same must come out.

One JSON object a line::

    {"features": {"income": 48000.0}, "prediction": "1"}
    {"features": {"income": 48000.0}, "score": [0.6, 1.0]}
    {"features": {"income": 48000.0, "sex": "f"}, "same_as": {"income": 48000.0, "sex": "m"}, "within": 0.02}

``prediction`` is the label that is predicted (a number: within ``within`` of it), ``score`` the bounds of the score,
``same_as`` an input that differs in what must not matter: its label must be the same, or with ``within`` its score
(of a regression its value) that close.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson

from trimtab.config import ModelConfig
from trimtab.errors import ConfigError, TrainingError
from trimtab.events import EventError, canonical_features
from trimtab.training.lineage import model_input
from trimtab.training.task import Prediction, Task

__all__ = ["Golden"]

_KEYS = frozenset({"features", "prediction", "score", "same_as", "within", "note"})


@dataclass(frozen=True, slots=True)
class _Case:
    line: int
    x: dict[str, Any]
    wanted: str | float | None
    bounds: tuple[float, float] | None
    other: dict[str, Any] | None
    within: float | None


@dataclass(frozen=True, slots=True)
class Golden:
    """A file of golden examples; ``sha256`` is that of its bytes."""

    path: str
    sha256: str
    cases: tuple[_Case, ...]

    @classmethod
    def read(cls, config: ModelConfig) -> Self | None:
        """The file that the configuration names; None when it names none.

        Raises
        ------
        ConfigError
            It cannot be read, or a line is no golden example of this model.
        """
        path = config.gates.golden
        if path is None:
            return None
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise ConfigError(f"gates.golden: cannot read {path}: {error.strerror or error}") from error
        lines = [(number, line) for number, line in enumerate(data.splitlines(), 1) if line.strip()]
        cases = tuple(_case(path, number, line, config) for number, line in lines)
        if not cases:
            raise ConfigError(f"gates.golden: {path} has no examples; write one JSON object a line")
        return cls(path, hashlib.sha256(data).hexdigest(), cases)

    def wrong(self, task: Task, model: Any) -> list[str]:
        """What a model gets wrong, each with its line; empty when all is well.

        Raises
        ------
        TrainingError
            The model raises.
        """
        found = []
        for case in self.cases:
            try:
                said = task.predict(model, case.x)
                other = None if case.other is None else task.predict(model, case.other)
            except Exception as error:
                line = " ".join(f"{type(error).__name__}: {error}".split())[:200]
                raise TrainingError(f"{self.path}, line {case.line}: the model fails: {line}") from error
            why = _why(case, said, other)
            if why:
                found.append(f"{self.path}, line {case.line}: {why}")
        return found


def _why(case: _Case, said: Prediction, other: Prediction | None) -> str:
    """What is wrong with a prediction; empty when nothing is."""
    if case.wanted is not None and not _same(said.value, case.wanted, case.within):
        return f"predicts {said.value!r}, not {case.wanted!r}"
    if case.bounds is not None and not (said.score is not None and case.bounds[0] <= said.score <= case.bounds[1]):
        return f"score {said.score}, not from {case.bounds[0]:g} to {case.bounds[1]:g}"
    if other is None:
        return ""
    if case.within is None or (said.score is None) != (other.score is None):
        return "" if said.value == other.value else f"predicts {said.value!r}, and {other.value!r} for same_as"
    one, two = (p.value if p.score is None else p.score for p in (said, other))
    return "" if _same(one, two, case.within) else f"{one} and {two} for same_as, more than {case.within:g} apart"


def _same(one: str | float, two: str | float, within: float | None) -> bool:
    if isinstance(one, float) and isinstance(two, float):
        return abs(one - two) <= (within or 0.0)
    return one == two


def _case(path: str, number: int, line: bytes, config: ModelConfig) -> _Case:
    where = f"gates.golden: {path}, line {number}"
    try:
        raw = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"{where}: not JSON: {error}") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("features"), dict) or raw.keys() - _KEYS:
        raise ConfigError(f"{where}: needs features, and may have {', '.join(sorted(_KEYS - {'features'}))} only")
    if not raw.keys() & {"prediction", "score", "same_as"}:
        raise ConfigError(f"{where}: give prediction, score or same_as, or nothing is asked of the model")
    try:
        other = raw.get("same_as")
        return _Case(
            number,
            _input(raw["features"], config),
            _wanted(raw.get("prediction"), config),
            _bounds(raw.get("score")),
            None if other is None else _input(other, config),
            None if raw.get("within") is None else float(raw["within"]),
        )
    except (EventError, TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from None


def _input(features: Mapping[str, object], config: ModelConfig) -> dict[str, Any]:
    unknown = sorted(features.keys() - config.features.keys())
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: not a feature of this model")
    return model_input(canonical_features(features, config))


def _wanted(value: Any, config: ModelConfig) -> str | float | None:
    if value is None:
        return None
    if config.task == "regression":
        return float(value)
    return str(int(value)) if isinstance(value, bool | float) else str(value)


def _bounds(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    low, high = value
    return float(low), float(high)
