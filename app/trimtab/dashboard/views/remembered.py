"""What was made of a model, until something about it changes: a fleet of a thousand is looked at every second."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["Remembered"]


class Remembered:
    """A value for each model; safe to use from any thread.

    Examples
    --------
    >>> remembered = Remembered()
    >>> remembered.get("a", lambda: 1), remembered.get("a", lambda: 2)
    (1, 1)
    >>> remembered.forget(["metrics/a"])
    >>> remembered.get("a", lambda: 3)
    3
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, Any] = {}
        self._changes: Counter[str] = Counter()

    def get(self, model: str, make: Callable[[], Any]) -> Any:
        """The value of a model, made when there is none."""
        with self._lock:
            if model in self._values:
                return self._values[model]
            before = self._changes[model]
        made = make()
        with self._lock:
            # What changed meanwhile may not be in it.
            if self._changes[model] == before:
                self._values[model] = made
        return made

    def forget(self, names: Iterable[str]) -> None:
        """These changed, such as ``metrics/credit``."""
        with self._lock:
            for name in names:
                model = name.partition("/")[2]
                self._changes[model] += 1
                self._values.pop(model, None)
