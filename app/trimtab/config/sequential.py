"""Sequential detectors as the configuration names them: which there are, their arguments, and what is allowed.

Values are checked here, when the file is read; what the detectors do with them is ``trimtab.sequential``'s business.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["DETECTORS", "SequentialSpec", "checked_arguments"]

MAX_WINDOW = 10_000
"""Most examples that a detector may hold."""


@dataclass(frozen=True, slots=True)
class _Number:
    """A number between bounds; ``above`` and ``below`` are not allowed themselves."""

    default: float
    whole: bool = False
    above: float | None = None
    least: float | None = None
    most: float | None = None
    below: float | None = None

    def check(self, value: object) -> float | None:
        """The value, or None when it is not allowed."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        if self.whole and not isinstance(value, int):
            return None
        fits = (
            (self.above is None or value > self.above)
            and (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.below is None or value < self.below)
        )
        if not fits:
            return None
        return value if self.whole else float(value)

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        bounds = [
            f"{word} {bound:,g}"
            for word, bound in (
                ("above", self.above),
                ("from", self.least),
                ("up to", self.most),
                ("below", self.below),
            )
            if bound is not None
        ]
        return " ".join(["a whole number" if self.whole else "a number", *bounds])


@dataclass(frozen=True, slots=True)
class _Choice:
    """One of a few values; the default may be none of them (None: it depends on what is watched)."""

    default: str | bool | None
    values: tuple[str | bool, ...]

    def check(self, value: object) -> str | bool | None:
        """The value, or None when it is not allowed."""
        return next((own for own in self.values if type(own) is type(value) and own == value), None)

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return " or ".join(str(value).lower() for value in self.values)


_Argument = _Number | _Choice


def _probability(default: float) -> _Number:
    return _Number(default, above=0.0, below=1.0)


def _count(default: int, least: int = 1, most: int = 1_000_000) -> _Number:
    return _Number(default, whole=True, least=least, most=most)


_RUN_LENGTH: Final = _Number(100_000.0, least=100.0, most=1e12)
_SIDES: Final = _Choice(None, ("upper", "both"))

DETECTORS: Final[Mapping[str, Mapping[str, _Argument]]] = MappingProxyType(
    {
        "adwin": {
            "delta": _probability(0.002),
            "clock": _count(32),
            "max_buckets": _count(5, least=2, most=100),
            "min_window_length": _count(5),
            "grace_period": _count(10),
        },
        "kswin": {
            "alpha": _probability(0.00001),
            "window_size": _count(300, least=4, most=MAX_WINDOW),
            "stat_size": _count(100, least=2, most=MAX_WINDOW // 2),
            "seed": _Number(42, whole=True, least=0, most=2**32 - 1),
        },
        "page_hinkley": {
            "min_instances": _count(30),
            "delta": _Number(0.005, least=0.0),
            "threshold": _Number(80.0, above=0.0),
            "alpha": _Number(0.9999, above=0.0, most=1.0),
            "mode": _Choice(None, ("up", "down", "both")),
        },
        "ddm": {"warm_start": _count(300), "drift_threshold": _Number(3.0, above=0.0)},
        "eddm": {"warm_start": _count(300), "beta": _probability(0.8)},
        "hddm_a": {"drift_confidence": _probability(0.001), "two_sided_test": _Choice(False, (True, False))},
        "hddm_w": {
            "drift_confidence": _probability(0.0001),
            "lambda_val": _Number(0.01, above=0.0, most=1.0),
            "two_sided_test": _Choice(False, (True, False)),
        },
        "cusum": {
            "shift": _Number(0.25, least=0.05, most=3.0),
            "run_length": _RUN_LENGTH,
            "warm_up": _count(200, least=30),
            "sides": _SIDES,
        },
        "ewma": {
            "weight": _Number(0.02, least=0.001, most=1.0),
            "run_length": _RUN_LENGTH,
            "warm_up": _count(200, least=30),
            "sides": _SIDES,
        },
    }
)
"""Name of a detector to its arguments, each with its default and what is allowed."""

BOOLEAN_ONLY: Final = frozenset({"ddm", "eddm", "hddm_a", "hddm_w"})
"""They count errors, so they take right or wrong and nothing between."""


def checked_arguments(detector: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments of a detector: those given, and the defaults of the others.

    Raises
    ------
    ValueError
        The detector or an argument is unknown, or a value is not allowed; the message says what is.

    Examples
    --------
    >>> checked_arguments("ddm", {"warm_start": 100})
    {'warm_start': 100, 'drift_threshold': 3.0}
    >>> checked_arguments("adwin", {"delta": 2})
    Traceback (most recent call last):
    ValueError: adwin: delta is 2; allowed is a number above 0 below 1
    """
    known = DETECTORS.get(detector)
    if known is None:
        raise ValueError(f"unknown detector {detector!r}{_close(detector, DETECTORS)}; there are {_list(DETECTORS)}")
    for name, value in args.items():
        if name not in known:
            raise ValueError(f"{detector}: unknown argument {name!r}{_close(name, known)}; there are {_list(known)}")
        if known[name].check(value) is None:
            raise ValueError(f"{detector}: {name} is {value!r}; allowed is {known[name].allowed}")
    found: dict[str, Any] = {name: argument.default for name, argument in known.items()}
    found |= {name: known[name].check(value) for name, value in args.items()}
    if detector == "kswin" and found["window_size"] < 2 * found["stat_size"]:
        raise ValueError(
            f"kswin: window_size is {found['window_size']}; allowed is at least twice stat_size, "
            f"which is {found['stat_size']}"
        )
    return found


class SequentialSpec(BaseModel):
    """A detector that looks at each example, in their one order.

    Parameters
    ----------
    on
        ``error``: 0 or 1 for labels, the absolute error for regression. ``score``: the score that came with the
        prediction; for regression the prediction.
    args
        The detector's arguments; those left out have their defaults.
    quiet
        Its alert resolves after so many examples without a detection.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    detector: str
    on: Literal["error", "score"] = "error"
    args: dict[str, Any] = {}
    quiet: Annotated[int, Field(gt=0)] = 1_000

    @model_validator(mode="after")
    def _known(self) -> Self:
        checked_arguments(self.detector, self.args)
        return self

    @property
    def arguments(self) -> dict[str, Any]:
        """All arguments, defaults included."""
        return checked_arguments(self.detector, self.args)

    def check_task(self, task: str) -> None:
        """Refuse a detector of right and wrong where there are other values; raises ValueError."""
        if self.detector in BOOLEAN_ONLY and (self.on == "score" or task == "regression"):
            others = _list(name for name in DETECTORS if name not in BOOLEAN_ONLY)
            what = "a score" if self.on == "score" else "the error of a regression"
            raise ValueError(
                f"sequential: {self.detector} takes right or wrong only, and {what} is a real number; "
                f"put it on the error of a classifier, or take one of {others}"
            )


def _list(names: Any) -> str:
    return ", ".join(names)


def _close(name: str, known: Any) -> str:
    found = difflib.get_close_matches(name, list(known), n=2)
    return f" (do you mean {' or '.join(found)}?)" if found else ""
