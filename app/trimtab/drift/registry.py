"""Which statistics there are, and the one shape they all have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, TypeVar

from trimtab.drift.tables import View, table
from trimtab.profiles.cells import FloatArray

__all__ = ["Kernel", "Kind", "Measured", "Statistic", "names", "statistic", "statistics", "tabulated"]

Kind = Literal["numeric", "categorical", "any"]

Kernel = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
"""From counts of reference and window, shape ``(..., k)``, and their places, shape ``(k,)``, to values ``(...)``."""

PValue = Callable[[FloatArray, FloatArray, FloatArray, float], float]
"""From the columns of a table and the statistic's value to a p-value."""


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
    """A registered statistic; ``function(reference, current)`` takes two profiles of ``kind``.

    Parameters
    ----------
    view, kernel
        The table that it is computed from, and how; None when it is not computed from counts alone. With them its
        null distribution can be simulated.
    order
        Under the null the value shrinks like the sizes to the power of ``-order / 2``.
    rare
        Its null depends on the categories that were too rare to be seen.
    base
        Added before it is compared with earlier windows' values, when it may be below zero by chance.
    weight
        Of its p-value among those of its feature.
    """

    name: str
    kind: Kind
    function: Callable[[Any, Any], Measured]
    view: View | None = None
    kernel: Kernel | None = None
    order: int = 1
    rare: bool = False
    base: float = 0.0
    weight: float = 1.0


_REGISTERED: dict[tuple[str, Kind], Statistic] = {}


def statistic(name: str, kind: Kind) -> Callable[[Function], Function]:
    """Register the function below under ``name``.

    Raises
    ------
    ValueError
        The name is taken for that kind.
    """

    def register(function: Function) -> Function:
        _register(Statistic(name, kind, function))
        return function

    return register


def tabulated(
    name: str,
    kind: Kind,
    view: View,
    *,
    order: int = 1,
    p_value: PValue | None = None,
    rare: bool = False,
    weight: float = 1.0,
) -> Callable[[Kernel], Callable[[Any, Any], Measured]]:
    """Register a statistic of two profiles, given as a function of their table's counts.

    Parameters
    ----------
    order
        1 for roots and shares, 2 for squares.
    rare
        It sums over categories, so those too rare to be seen in the reference matter: with such ones, the formula is
        taken and not a simulation, which knows nothing of them.
    p_value
        A formula, where there is one; it may err on the large side.
    weight
        Of its p-value among those of its feature: less than 1 where others see the same with less noise.

    Raises
    ------
    ValueError
        The name is taken for that kind.
    """

    def register(kernel: Kernel) -> Callable[[Any, Any], Measured]:
        @wraps(kernel)
        def measure(reference: Any, current: Any) -> Measured:
            if reference.count == 0 or current.count == 0:
                return NOTHING if p_value is not None else Measured(0.0, None)
            columns = table(view, reference, current)
            value = float(kernel(*columns))
            return Measured(value, None if p_value is None else p_value(*columns, value))

        _register(Statistic(name, kind, measure, view, kernel, order, rare, weight=weight))
        return measure

    return register


def _register(made: Statistic) -> None:
    taken = {name for name, kind in _REGISTERED if kind == made.kind or "any" in (kind, made.kind)}
    if made.name in taken:
        raise ValueError(f"statistic {made.name!r} is registered twice")
    _REGISTERED[made.name, made.kind] = made


def statistics(kind: Kind | None = None) -> tuple[Statistic, ...]:
    """All statistics for profiles of ``kind`` (``"any"`` ones fit both), by name; None gives every one."""
    chosen = (s for s in _REGISTERED.values() if kind is None or s.kind in (kind, "any"))
    return tuple(sorted(chosen, key=lambda s: (s.name, s.kind)))


def names(kind: Kind | None = None) -> tuple[str, ...]:
    """Their names, each once."""
    return tuple(dict.fromkeys(s.name for s in statistics(kind)))
