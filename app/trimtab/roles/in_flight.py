"""Which records of one partition were delivered and are not acknowledged yet."""

from __future__ import annotations

__all__ = ["InFlight"]


class InFlight:
    """Delivered, unacknowledged offsets of one partition; offsets need not be consecutive.

    Examples
    --------
    >>> records = InFlight()
    >>> for offset in (3, 5, 8):
    ...     records.deliver(offset)
    >>> records.acknowledge(5)
    >>> records.committable
    3
    >>> records.acknowledge(3)
    >>> records.committable
    8
    >>> records.acknowledge(8)
    >>> records.committable
    9
    """

    def __init__(self) -> None:
        # A dict keeps the order of delivery, which within a partition is the order of offsets.
        self._offsets: dict[int, None] = {}
        self._next: int | None = None

    def __len__(self) -> int:
        return len(self._offsets)

    def deliver(self, offset: int) -> None:
        """A record was handed out."""
        if self._next is not None and offset < self._next:
            # Delivery went back to an earlier offset, so everything after it comes again.
            self._offsets = {kept: None for kept in self._offsets if kept < offset}
        self._offsets[offset] = None
        self._next = offset + 1

    def acknowledge(self, offset: int) -> None:
        """What the record fed is durable; unknown offsets are ignored."""
        self._offsets.pop(offset, None)

    @property
    def committable(self) -> int | None:
        """The offset from which a restart has to read; None before the first delivery."""
        return next(iter(self._offsets), self._next)
