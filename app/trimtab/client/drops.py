"""Events that a producer could not deliver: why, how many, and a word in the log once per reason."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Drop", "DropLog", "DropReason"]

log = logging.getLogger("trimtab.client")


class DropReason(StrEnum):
    """Why an event was dropped."""

    INVALID = "invalid"
    TOO_LARGE = "too_large"
    BUFFER_FULL = "buffer_full"
    DELIVERY_FAILED = "delivery_failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Drop:
    """One dropped event, as ``on_drop`` gets it: ``data`` are its bytes, None when it never had any."""

    reason: DropReason
    kind: str
    id: str
    detail: str
    data: bytes | None


class DropLog:
    """Counts drops by reason, tells the caller's hook, and logs the first of each reason.

    Parameters
    ----------
    on_drop
        Called for each drop in the thread where it was noticed; its errors are logged, not raised.
    """

    def __init__(self, on_drop: Callable[[Drop], None] | None = None) -> None:
        self._on_drop = on_drop
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def counts(self) -> dict[str, int]:
        """Reason to number of drops."""
        with self._lock:
            return dict(self._counts)

    def add(self, drop: Drop) -> None:
        """Count one drop; never raises."""
        with self._lock:
            self._counts[drop.reason.value] += 1
            first = self._counts[drop.reason.value] == 1
        if first:
            log.warning(
                "dropped %s %r: %s: %s (logged once per reason; read Producer.stats for the counts)",
                drop.kind,
                drop.id,
                drop.reason.value,
                drop.detail,
            )
        if self._on_drop is None:
            return
        try:
            self._on_drop(drop)
        except Exception:
            log.exception("on_drop failed")
