"""Which statistics there are, and the one shape they all have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

__all__ = ["Kind", "Measured", "Statistic", "names", "statistic", "statistics"]

Kind = Literal["numeric", "categorical", "any"]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a statistic says of two profiles.

    Parameters
    ----------
    value
        Effect size, 0 for equal distributions, larger for larger drift; it estimates a property of the two
        distributions, so that a threshold means the same at every window size.
    p_value
        Probability of a value at least as large when nothing has changed; None when the statistic has none.
    """

    value: float
    p_value: float | None


NOTHING = Measured(0.0, 1.0)
"""What statistics with a p-value say when either side is empty: no evidence of anything."""

Function = TypeVar("Function", bound=Callable[..., Measured])


@dataclass(frozen=True, slots=True)
class Statistic:
    """A registered statistic; ``function(reference, current)`` takes two profiles of ``kind``."""

    name: str
    kind: Kind
    function: Callable[[Any, Any], Measured]


_REGISTERED: dict[str, Statistic] = {}


def statistic(name: str, kind: Kind) -> Callable[[Function], Function]:
    """Register the function below under ``name``.

    Raises
    ------
    ValueError
        The name is taken.
    """

    def register(function: Function) -> Function:
        if name in _REGISTERED:
            raise ValueError(f"statistic {name!r} is registered twice")
        _REGISTERED[name] = Statistic(name, kind, function)
        return function

    return register


def statistics(kind: Kind | None = None) -> tuple[Statistic, ...]:
    """All statistics for profiles of ``kind`` (``"any"`` ones fit both), by name; None gives every one."""
    chosen = (s for s in _REGISTERED.values() if kind is None or s.kind in (kind, "any"))
    return tuple(sorted(chosen, key=lambda s: s.name))


def names(kind: Kind | None = None) -> tuple[str, ...]:
    """Their names."""
    return tuple(s.name for s in statistics(kind))
