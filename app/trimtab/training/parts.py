"""Several pieces of bytes as one: each behind its length."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["joined", "split"]

_LENGTH_BYTES = 8


def joined(parts: Iterable[bytes]) -> bytes:
    """The pieces, for :func:`split`.

    Examples
    --------
    >>> split(joined([b"head", b"", b"model"]))
    [b'head', b'', b'model']
    """
    return b"".join(len(part).to_bytes(_LENGTH_BYTES, "little") + part for part in parts)


def split(data: bytes) -> list[bytes]:
    """The pieces that :func:`joined` put together."""
    parts, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + _LENGTH_BYTES], "little")
        at += _LENGTH_BYTES + size
        parts.append(data[at - size : at])
    return parts
