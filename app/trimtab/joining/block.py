"""A run of rows with their columns: tables of several kinds, and which row of the run each of their rows is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np

from trimtab.events.columns import IntArray
from trimtab.events.tables import FeatureTable, LabelTable, PredictionTable
from trimtab.joining.packing import pack, unpack

__all__ = ["Block", "Table"]

Table = PredictionTable | FeatureTable | LabelTable


class Block:
    """Rows ``first`` to ``first + count``.

    Examples
    --------
    >>> from trimtab.events.columns import Texts
    >>> from trimtab.events.tables import Sources
    >>> zero = np.zeros(2, np.int64)
    >>> table = FeatureTable(Texts.of(["a", "b"]), zero, Texts.of(["{}", "{}"]), Sources(0, zero, zero))
    >>> block = Block(100)
    >>> block.add(table)
    >>> [(at.tolist(), part.ids.to_list()) for at, part in Block.from_bytes(100, block.to_bytes()).take(np.array([1]))]
    [([0], ['b'])]
    """

    def __init__(self, first: int) -> None:
        self.first = first
        self.count = 0
        self._parts: list[tuple[IntArray, Any]] = []
        self._places: tuple[IntArray, IntArray] | None = None

    @classmethod
    def from_bytes(cls, first: int, data: bytes) -> Self:
        """What :meth:`to_bytes` gave; raises ValueError when it is damaged."""
        block = cls(first)
        for rows, table in unpack(data):
            block._parts.append((rows, table))
            block.count += len(table)
        return block

    @classmethod
    def joined(cls, blocks: Sequence[Self]) -> Self:
        """Adjacent blocks as one."""
        whole = cls(blocks[0].first)
        for block in blocks:
            whole._parts += [(rows + whole.count, table) for rows, table in block._parts]
            whole.count += block.count
        whole._squeeze()
        return whole

    def add(self, table: Table) -> None:
        """Rows that follow."""
        self._parts.append((np.arange(self.count, self.count + len(table)), table))
        self.count += len(table)
        self._places = None

    def to_bytes(self) -> bytes:
        """All of it."""
        self._squeeze()
        return pack([[rows, table] for rows, table in self._parts])

    def take(self, rows: IntArray) -> Iterator[tuple[IntArray, Any]]:
        """For each part that has some of ``rows`` (counted from ``first``): positions in ``rows``, and its rows."""
        if self._places is None:
            part_of, place = np.empty(self.count, np.int64), np.empty(self.count, np.int64)
            for part, (held, _) in enumerate(self._parts):
                part_of[held], place[held] = part, np.arange(held.size)
            self._places = part_of, place
        part_of, place = self._places[0][rows], self._places[1][rows]
        for part in np.unique(part_of).tolist():
            positions = np.flatnonzero(part_of == part)
            yield positions, self._parts[part][1].take(place[positions])

    def _squeeze(self) -> None:
        """Put parts of one kind together."""
        kinds: dict[Any, list[tuple[IntArray, Any]]] = {}
        for rows, table in self._parts:
            kinds.setdefault(table.kind, []).append((rows, table))
        if len(kinds) < len(self._parts):
            self._parts = [
                (np.concatenate([rows for rows, _ in parts]), type(parts[0][1]).concat([table for _, table in parts]))
                for parts in kinds.values()
            ]
            self._places = None
