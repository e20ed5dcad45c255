"""The rows of one kind (predictions, features or labels) that a partition remembers.

A row is known by a number that only grows. In memory are its hash (in the index), its time, what it is of and
its flags; its columns lie in blocks in the store, written at a commit and read when they are needed. Blocks that
small commits left behind are put together, so their number stays in proportion to the rows.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from enum import IntFlag
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from trimtab.events.columns import IntArray
from trimtab.events.tables import FeatureTable, LabelTable, PredictionTable
from trimtab.joining.block import Block
from trimtab.joining.hashing import Hashes
from trimtab.joining.index import HashIndex
from trimtab.joining.packing import pack, unpack
from trimtab.joining.store import Store

__all__ = ["Flag", "Rows"]

T = TypeVar("T", PredictionTable, FeatureTable, LabelTable)

_BLOCK_ROWS = 8_192  # blocks of this size and more are left as they are
_SMALL_BLOCKS = 16  # smaller ones in a row before they are put together
_CACHED_ROWS = 131_072
_ROOM = 1_024  # rows that memory holds at first
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)  # what bytes that are no block may raise
_PARTS = (b"b", b"h", b"f")


class Flag(IntFlag):
    """What has become of a row."""

    WAITING = 1
    """A prediction whose features have not come."""
    APART = 2
    """A prediction whose features are in a feature event."""
    DONE = 4
    """A prediction that met its label, a label that met a prediction, features that were used."""
    GONE = 8
    """Forgotten."""


class Rows(Generic[T]):
    """All rows of one kind.

    Parameters
    ----------
    store, kind
        Where its blocks are, and the letter that tells them from those of other kinds.
    """

    def __init__(self, store: Store, kind: bytes) -> None:
        self._store = store
        self._kind = kind
        self._index = HashIndex(self._alive)
        self._first = self._next = 0
        self._time = np.empty(_ROOM, np.int64)
        self._of = np.empty(_ROOM, np.int16)
        self._flag = np.full(_ROOM, Flag.GONE, np.uint8)  # what no block holds is gone
        # First row to number of rows, of stored blocks; in ascending order.
        self._blocks: dict[int, int] = {}
        self._dirty: set[int] = set()
        self._fresh = Block(0)
        self._fresh_hashes: list[Hashes] = []
        self._cache: OrderedDict[int, Block] = OrderedDict()
        self._cached = 0
        self._load()

    def __len__(self) -> int:
        return len(self._index)

    def add(self, table: T, hashes: Hashes, of: int, flag: int) -> None:
        """Remember a table; ``of`` is a number that the caller gives its model."""
        count = len(table)
        rows = np.arange(self._next, self._next + count)
        self._grow(count)
        here = self._here(rows)
        self._time[here], self._of[here], self._flag[here] = table.time_ms, of, flag
        self._fresh.add(table)
        self._fresh_hashes.append(hashes)
        self._index.add(hashes, rows)
        self._next += count

    def find(self, hashes: Hashes) -> tuple[IntArray, IntArray]:
        """Pairs of a position in ``hashes`` and a row that is not gone, by position, oldest row first."""
        positions, rows = self._index.find(hashes)
        if rows.size:
            alive = self._alive(rows)
            if not alive.all():
                return positions[alive], rows[alive]
        return positions, rows

    def of(self, rows: IntArray) -> npt.NDArray[np.int16]:
        """The caller's number of each row."""
        return self._of[self._here(rows)]

    def has(self, rows: IntArray, flag: int) -> npt.NDArray[np.bool_]:
        """Which rows have one of these flags."""
        found: npt.NDArray[np.bool_] = (self._flag[self._here(rows)] & flag) != 0
        return found

    def mark(self, rows: IntArray, add: int, remove: int = 0) -> None:
        """Change flags."""
        here = self._here(rows)
        self._flag[here] = (self._flag[here] & ~np.uint8(remove)) | np.uint8(add)
        self._dirty.update(np.unique(self._block_of(rows)).tolist())

    def read(self, rows: IntArray) -> Iterator[tuple[IntArray, T]]:
        """Columns of rows: for each table that has some, their positions in ``rows`` and those rows of it."""
        owner = self._block_of(rows)
        for first in np.unique(owner).tolist():
            positions = np.flatnonzero(owner == first)
            block = self._fresh if first == self._fresh.first else self._block(first)
            for at, table in block.take(rows[positions] - first):
                yield positions[at], table

    def due(self, before_ms: int) -> IntArray:
        """Rows that are not gone and whose time lies before."""
        stop = self._next - self._first
        old = (self._time[:stop] < before_ms) & ((self._flag[:stop] & Flag.GONE) == 0)
        return np.flatnonzero(old) + self._first

    def changes(self) -> dict[bytes, bytes | None]:
        """What the store needs at this commit; the rows then count as stored."""
        changes: dict[bytes, bytes | None] = {}
        if self._fresh.count:
            self._store_block(changes, self._fresh, Hashes.concat(self._fresh_hashes))
            self._fresh, self._fresh_hashes = Block(self._next), []
        self._drop_gone(changes)
        while len(small := self._small_run()) == _SMALL_BLOCKS:
            self._join_blocks(changes, small)
        for first in self._dirty & self._blocks.keys():
            here = first - self._first
            changes[self._key(b"f", first)] = self._flag[here : here + self._blocks[first]].tobytes()
        self._dirty.clear()
        return changes

    # Memory

    def _here(self, rows: IntArray) -> IntArray:
        return rows - self._first

    def _alive(self, rows: IntArray) -> npt.NDArray[np.bool_]:
        here = self._here(rows)
        old = here < 0
        alive: npt.NDArray[np.bool_] = ~old & ((self._flag[np.where(old, 0, here)] & Flag.GONE) == 0)
        return alive

    def _grow(self, count: int) -> None:
        """Make room behind the last row; first let go of rows at the front that no block has."""
        used = self._next - self._first
        if used + count <= self._flag.size:
            return
        keep_from = min(next(iter(self._blocks), self._fresh.first), self._fresh.first)
        cut = keep_from - self._first
        size = max(_ROOM, 2 * (used - cut + count))
        for name in ("_time", "_of", "_flag"):
            old = getattr(self, name)
            new = np.full(size, Flag.GONE, old.dtype)
            # What lies behind the old end, after a gap between blocks, is gone.
            kept = old[cut:used]
            new[: kept.size] = kept
            setattr(self, name, new)
        self._first = keep_from

    # Blocks

    def _block_of(self, rows: IntArray) -> IntArray:
        """First row of the block that each row is in."""
        firsts = np.array([*self._blocks, self._fresh.first])
        return firsts[np.searchsorted(firsts, rows, side="right") - 1]

    def _block(self, first: int, changes: Mapping[bytes, bytes | None] | None = None) -> Block:
        block = self._cache.get(first)
        if block is not None:
            self._cache.move_to_end(first)
            return block
        data = self._value(b"b", first, changes or {})
        try:
            block = Block.from_bytes(first, data)
        except _UNREADABLE as error:
            raise self._store.condemn(error) from error
        self._remember(block)
        return block

    def _head(self, first: int, changes: Mapping[bytes, bytes | None]) -> list[npt.NDArray[Any]]:
        """Hashes (both halves), times, and what the rows are of."""
        head: list[npt.NDArray[Any]] = unpack(self._value(b"h", first, changes))
        return head

    def _value(self, part: bytes, first: int, changes: Mapping[bytes, bytes | None]) -> bytes:
        key = self._key(part, first)
        value = changes.get(key) or self._store.get(key)
        if value is None:
            raise self._store.condemn(ValueError(f"block {first} is not there"))
        return value

    def _key(self, part: bytes, first: int) -> bytes:
        return self._kind + part + first.to_bytes(8, "big")

    def _load(self) -> None:
        """Everything in memory, from the store."""
        try:
            for raw, value in self._store.items(self._kind + b"h"):
                self._load_block(int.from_bytes(raw, "big"), value)
        except _UNREADABLE as error:
            raise self._store.condemn(error) from error
        self._fresh = Block(self._next)

    def _load_block(self, first: int, head: bytes) -> None:
        high, low, time, of = unpack(head)
        flags = np.frombuffer(self._value(b"f", first, {}), np.uint8)
        if not self._blocks:
            self._first = first
        self._next = first
        # Nothing is fresh yet, so nothing before the first block is kept.
        self._fresh = Block(first)
        self._grow(time.size)
        here = slice(first - self._first, first - self._first + time.size)
        self._time[here], self._of[here], self._flag[here] = time, of, flags
        rows = np.arange(first, first + time.size)
        self._index.add(Hashes(high, low), rows)
        self._blocks[first] = time.size
        self._next = first + time.size

    def _remember(self, block: Block) -> None:
        self._cache[block.first] = block
        self._cached += block.count
        while self._cached > _CACHED_ROWS and len(self._cache) > 1:
            _, old = self._cache.popitem(last=False)
            self._cached -= old.count

    def _forget(self, first: int) -> None:
        block = self._cache.pop(first, None)
        if block is not None:
            self._cached -= block.count

    def _store_block(self, changes: dict[bytes, bytes | None], block: Block, hashes: Hashes) -> None:
        here = slice(block.first - self._first, block.first - self._first + block.count)
        self._blocks[block.first] = block.count
        changes[self._key(b"b", block.first)] = block.to_bytes()
        changes[self._key(b"h", block.first)] = pack([hashes.high, hashes.low, self._time[here], self._of[here]])
        self._dirty.add(block.first)
        self._remember(block)

    def _remove_block(self, changes: dict[bytes, bytes | None], first: int) -> None:
        del self._blocks[first]
        for part in _PARTS:
            changes[self._key(part, first)] = None
        self._forget(first)

    def _drop_gone(self, changes: dict[bytes, bytes | None]) -> None:
        """Blocks of which every row is gone."""
        for first in [first for first in self._dirty if first in self._blocks]:
            here = first - self._first
            if (self._flag[here : here + self._blocks[first]] & Flag.GONE).all():
                self._remove_block(changes, first)

    def _join_blocks(self, changes: dict[bytes, bytes | None], small: Sequence[int]) -> None:
        blocks = [self._block(first, changes) for first in small]
        heads = [self._head(first, changes) for first in small]
        for first in small:
            self._remove_block(changes, first)
        hashes = Hashes(np.concatenate([head[0] for head in heads]), np.concatenate([head[1] for head in heads]))
        self._store_block(changes, Block.joined(blocks), hashes)

    def _small_run(self) -> Sequence[int]:
        """Blocks at the end of about the last one's size, adjacent, below the size that is left alone."""
        run: list[int] = []
        limit = None
        for first in sorted(self._blocks, reverse=True)[: _SMALL_BLOCKS + 1]:
            count = self._blocks[first]
            adjacent = not run or first + count == run[-1]
            limit = _SMALL_BLOCKS * count if limit is None else limit
            if count >= min(limit, _BLOCK_ROWS) or not adjacent or len(run) == _SMALL_BLOCKS:
                break
            run.append(first)
        return run[::-1]
