"""128-bit keyed hashes of event ids, many at a time.

Two ids count as the same when their hashes are equal. With n ids at hand and a secret key the chance of two
different ones being taken for the same is about n**2 / 2**129: at 1e9 ids, 1e-21.

The mixing function is the finaliser of MurmurHash3 (Appleby, 2011), a bijection of 64 bits, applied to every
8 bytes of the id after the state so far, from two secret starting points.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from trimtab.events.columns import IntArray, Texts

__all__ = ["HashArray", "Hashes", "hash_ids"]

HashArray = npt.NDArray[np.uint64]

_WORD = 8
_LONG = 256  # bytes; longer ids are first shortened by BLAKE2b
_M1, _M2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_SHIFT = np.uint64(33)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Hashes(NamedTuple):
    """Both halves, shape ``(n,)`` each."""

    high: HashArray
    low: HashArray

    def take(self, rows: Any) -> Hashes:
        """Those of these rows."""
        return Hashes(self.high[rows], self.low[rows])

    @staticmethod
    def concat(parts: list[Hashes]) -> Hashes:
        """All parts, one after the other."""
        if len(parts) == 1:
            return parts[0]
        return Hashes(np.concatenate([p.high for p in parts]), np.concatenate([p.low for p in parts]))


def hash_ids(ids: Texts, key: tuple[int, int]) -> Hashes:
    """Hashes of ids; each depends on its id and the key alone.

    Parameters
    ----------
    ids
        ``n`` ids.
    key
        Two secret numbers of 64 bits.

    Examples
    --------
    >>> alone, among = hash_ids(Texts.of(["a"]), (1, 2)), hash_ids(Texts.of(["longer than 8", "a"]), (1, 2))
    >>> bool(alone.high[0] == among.high[1]), bool(alone.high[0] == alone.low[0])
    (True, False)
    """
    sizes = ids.sizes
    if sizes.size and int(sizes.max()) > _LONG:
        ids = _shortened(ids, sizes)
        sizes = ids.sizes
    words = _words(ids.data, sizes)
    # The size tells "a" from "a\0".
    state = np.array(key, np.uint64)[:, None] + sizes.astype(np.uint64)[None, :] * _GOLDEN
    even = sizes.size == 0 or int(sizes.min()) > words.shape[1] * _WORD - _WORD
    for column in range(words.shape[1]):
        mixed = _mix(state ^ words[:, column])
        state = mixed if even else np.where(sizes > column * _WORD, mixed, state)
    state = _mix(state)
    return Hashes(state[0], state[1])


def _mix(state: HashArray) -> HashArray:
    state = state ^ (state >> _SHIFT)
    state *= _M1
    state ^= state >> _SHIFT
    state *= _M2
    state ^= state >> _SHIFT
    return state


def _words(data: bytes, sizes: IntArray) -> HashArray:
    """Each id in a row of 8-byte words, filled with zeros; shape ``(n, words)``."""
    widest = int(sizes.max()) if sizes.size else 0
    words = max(1, -(-widest // _WORD))
    flat = np.frombuffer(data, np.uint8)
    if flat.size == sizes.size * words * _WORD and flat.size and int(sizes.min()) == widest:
        return flat.view("<u8").reshape(sizes.size, words)
    padded = np.zeros((sizes.size, words * _WORD), np.uint8)
    if sizes.size and int(sizes.min()) == widest:
        padded[:, :widest] = flat.reshape(sizes.size, widest)
    else:
        # Row by row, the places that are filled are those of the bytes in their order.
        padded[np.arange(words * _WORD) < sizes[:, None]] = flat
    return padded.view("<u8")


def _shortened(ids: Texts, sizes: IntArray) -> Texts:
    """Long ids replaced by a marked digest; no short id looks like one, since the mark is no UTF-8."""
    parts = []
    for start, size in zip(ids.starts.tolist(), sizes.tolist(), strict=True):
        raw = ids.data[start : start + size]
        parts.append(raw if size <= _LONG else b"\xff" + hashlib.blake2b(raw, digest_size=32).digest())
    return Texts(b"".join(parts), np.cumsum([len(part) for part in parts]))
