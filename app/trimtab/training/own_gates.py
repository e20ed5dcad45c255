"""A user's own gate: a function that is given the candidate's model and the last examples, and says what it measured.

::

    def fair(model, examples):            # examples: [(features, label), ...], the newest last
        gap = ...
        return gap, 0.05                  # what was measured, and what it may be at most; or just True or False

It is named ``package.module:name``, or is an entry point of the group ``trimtab.gates``. It gets a copy of the model.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from typing import Any

from trimtab.errors import TrainingError

__all__ = ["ask_own", "own_gate"]

GROUP = "trimtab.gates"


def own_gate(name: str) -> Callable[[Any, Sequence[tuple[dict[str, Any], Any]]], Any]:
    """The function of that name.

    Raises
    ------
    TrainingError
        There is none.

    Examples
    --------
    >>> own_gate("trimtab.training.own_gates:own_gate") is own_gate
    True
    """
    try:
        if ":" in name:
            module, _, path = name.partition(":")
            found: Any = importlib.import_module(module)
            for part in path.split("."):
                found = getattr(found, part)
        else:
            points = [point for point in entry_points(group=GROUP) if point.name == name]
            if not points:
                known = ", ".join(sorted(point.name for point in entry_points(group=GROUP))) or "none"
                raise TrainingError(f"gates.own: {name} is no entry point of the group {GROUP}; there are: {known}")
            found = points[0].load()
    except (ImportError, AttributeError) as error:
        raise TrainingError(f"gates.own: {name} cannot be loaded: {error}; mend the name in trimtab.yaml") from error
    if not callable(found):
        raise TrainingError(f"gates.own: {name} is a {type(found).__name__}, not a function")
    return found  # type: ignore[no-any-return]  # it is the user's


def ask_own(name: str, model: Any, examples: Sequence[tuple[dict[str, Any], Any]]) -> tuple[float, float, bool, str]:
    """What was measured, its limit, whether it passes, and why not. A gate that raises does not pass.

    Examples
    --------
    >>> ask_own("builtins:sorted", 5, [])[2:]
    (False, 'TypeError: sorted expected 1 argument, got 2')
    """
    try:
        said = own_gate(name)(model, examples)
    except TrainingError as error:
        return 1.0, 0.0, False, str(error)
    # Whatever the user's code raises.
    except Exception as error:
        return 1.0, 0.0, False, " ".join(f"{type(error).__name__}: {error}".split())[:200]
    if isinstance(said, bool):
        return float(not said), 0.0, said, "" if said else "it said False"
    try:
        value, limit = (float(one) for one in said)
    except (TypeError, ValueError):
        return 1.0, 0.0, False, f"it must return True, False, or a value and its limit, not {said!r:.100}"
    passed = math.isfinite(value) and value <= limit
    return value, limit, passed, "" if passed else "the value is above its limit"
