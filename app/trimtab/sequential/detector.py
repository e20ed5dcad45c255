"""What a sequential detector is, and which there are.

A detector sees one value after the other and says when their distribution has changed; then it starts anew. Its
state is made of what a snapshot admits, so a checkpoint holds it and a restart changes nothing.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from trimtab.config import DETECTORS
from trimtab.config.sequential import BOOLEAN_ONLY, SequentialSpec

__all__ = ["Detection", "Detector", "detector", "make_detector", "names"]


@dataclass(frozen=True, slots=True)
class Detection:
    """A change.

    Parameters
    ----------
    before, after
        Means of the values on either side of it, in their own unit; None where that is not known.
    p_value
        Of the test that found it, where the detector makes one. It is made at each example, so it says nothing about
        how often the detector is wrong.
    """

    before: float | None
    after: float | None
    p_value: float | None = None


class Detector(ABC):
    """One detector on one signal.

    Parameters
    ----------
    args
        All arguments, as :attr:`trimtab.config.SequentialSpec.arguments` has them.
    on
        ``error`` or ``score``: errors alarm when they grow, scores when they move either way, if ``args`` says nothing.
    boolean
        The values are 0 and 1.
    state
        What :meth:`state` gave, to go on from there.
    """

    name: ClassVar[str]

    def __init__(self, args: Mapping[str, Any], *, on: str, boolean: bool, state: Any = None) -> None:
        self.args = args
        self.on = on
        self.boolean = boolean
        self._start(state)

    def update(self, value: float) -> Detection | None:
        """Take one value; returns the change that it reveals, if there is one.

        Raises
        ------
        ValueError
            It is no finite number, or neither 0 nor 1 where only these can be.
        """
        if not math.isfinite(value):
            raise ValueError(f"{self.name}: {value} is no finite number; leave a missing value out")
        if self.boolean and value not in (0.0, 1.0):
            raise ValueError(f"{self.name}: {value} is neither 0 nor 1, which is all that it takes here")
        return self._update(value)

    @abstractmethod
    def state(self) -> Any:
        """Everything that the next values depend on; of admitted classes."""

    @abstractmethod
    def _start(self, state: Any) -> None:
        """Begin, from a state or from nothing."""

    @abstractmethod
    def _update(self, value: float) -> Detection | None:
        """Take one value that was checked."""


_REGISTERED: dict[str, type[Detector]] = {}

Made = TypeVar("Made", bound=type[Detector])


def detector(cls: Made) -> Made:
    """Register a detector under its name.

    Raises
    ------
    ValueError
        The name is taken, or ``trimtab.config.sequential`` has no arguments for it.
    """
    if cls.name in _REGISTERED or cls.name not in DETECTORS:
        raise ValueError(f"detector {cls.name!r} is registered twice, or trimtab.config.sequential does not list it")
    _REGISTERED[cls.name] = cls
    return cls


def make_detector(spec: SequentialSpec, task: str, state: Any = None) -> Detector:
    """The detector of a configuration; raises ValueError when it does not fit the task.

    Examples
    --------
    >>> watch = make_detector(SequentialSpec(detector="ddm"), "binary")
    >>> [watch.update(0.0 if i % 5 else 1.0) for i in range(500)].count(None)
    500
    >>> any(watch.update(1.0) for _ in range(50))
    True
    """
    spec.check_task(task)
    boolean = spec.detector in BOOLEAN_ONLY or (spec.on == "error" and task != "regression")
    return _REGISTERED[spec.detector](spec.arguments, on=spec.on, boolean=boolean, state=state)


def names() -> tuple[str, ...]:
    """Names of all detectors."""
    return tuple(sorted(_REGISTERED))
