"""What was made of an object before, by its identity: for references, which are compared with many windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["Remembered"]

Made = TypeVar("Made")
_MOST = 20_000


class Remembered(Generic[Made]):
    """Calls ``make(subject, *more)`` once for each subject; what is made must not change.

    Examples
    --------
    >>> lengths = Remembered(lambda subject: print("counting") or len(subject))
    >>> numbers = [1, 2, 3]
    >>> lengths(numbers), lengths(numbers)
    counting
    (3, 3)
    """

    def __init__(self, make: Callable[..., Made]) -> None:
        self._make = make
        # The subject is held too, so that no other one can have its identity.
        self._known: dict[tuple[Any, ...], tuple[object, Made]] = {}

    def __call__(self, subject: object, *more: Any) -> Made:
        """What was made of the subject."""
        key = (id(subject), *more)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            known = self._known[key] = subject, self._make(subject, *more)
        return known[1]
