"""Takes records of whole windows: their JSON becomes rows as it is, since months of them are read at a start."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from trimtab.dashboard.store.taken import Taken

__all__ = ["Row", "read_windows"]

log = logging.getLogger("trimtab.dashboard")


class Row(NamedTuple):
    """A window; ``numbers`` and ``features`` are JSON objects, empty when they say nothing."""

    model: str
    segment: str
    end_ms: int
    version: int
    start_ms: int
    time_ms: int
    numbers: bytes
    features: bytes


class _Window(msgspec.Struct, gc=False):
    model: str
    version: int
    segment: str
    start_ms: int
    end_ms: int
    numbers: msgspec.Raw
    features: msgspec.Raw


_decode: Final = msgspec.json.Decoder(_Window).decode
_EMPTY: Final = b"{}"


def read_windows(records: Sequence[Taken]) -> Iterator[Row]:
    """The windows; what is none is logged and left out.

    Examples
    --------
    >>> value = b'{"model":"m","version":1,"segment":"","start_ms":0,"end_ms":9,"numbers":{"events":{}},"features":{}}'
    >>> next(read_windows([Taken(0, 0, 5, b"m", value)]))[6:]
    (b'{"events":{}}', b'')
    """
    for record in records:
        try:
            found = _decode(record.value or b"")
        except msgspec.MsgspecError as error:
            log.warning("windows[%d] offset %d is skipped: %s", record.partition, record.offset, error)
            continue
        numbers, features = bytes(found.numbers), bytes(found.features)
        yield Row(
            found.model,
            found.segment,
            found.end_ms,
            found.version,
            found.start_ms,
            record.time_ms,
            b"" if numbers == _EMPTY else numbers,
            b"" if features == _EMPTY else features,
        )
