"""Candidates that start far back: which examples they replay, and at which record the race begins.

::

    trigger at record T ──► a process of its own learns from far back to T, and on ──► record J ──► the race begins

J follows from the log alone (:func:`begins_at`), so that the same log gives the same race whoever was killed
meanwhile. The process learns up to J and stops there, as it can tell by the same rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import orjson

from trimtab.config import ModelConfig
from trimtab.training.factory import build, factory_of
from trimtab.training.lineage import Batch, LearntRange, Lineage
from trimtab.training.parts import joined, split
from trimtab.training.race import Trigger
from trimtab.training.task import make_task
from trimtab.training.thinning import learn_thinned

__all__ = ["Preparing", "Replaying", "Wanted", "begins_at", "until_ms"]

_GRACE_MS = 2_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one candidate replays.

    Parameters
    ----------
    offset, count
        A record at or before the first one, and how many examples came before it.
    start
        Number of the first example that is learnt; its whole record is.
    half_life
        0 learns all.
    """

    name: str
    family: str
    offset: int
    count: int
    start: int
    half_life: int


@dataclass(frozen=True, slots=True)
class Preparing:
    """Replays that a race waits for.

    Parameters
    ----------
    offset, count
        Where the trigger came, and how many examples the model had then.
    until_ms
        Kafka's time from which on a record begins the race.
    """

    trigger: Trigger
    offset: int
    count: int
    until_ms: int
    wanted: tuple[Wanted, ...]

    @property
    def examples(self) -> int:
        """How many are to be learnt until the trigger, by all together."""
        return sum(self.count - one.start for one in self.wanted)

    @property
    def first_offset(self) -> int:
        """The first record that is read."""
        return min(one.offset for one in self.wanted)

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_wire` wrote."""
        wanted = tuple(Wanted(**one) for one in wire["wanted"])
        return cls(Trigger(**wire["trigger"]), wire["offset"], wire["count"], wire["until_ms"], wanted)

    def to_wire(self) -> dict[str, Any]:
        """Plain types."""
        return asdict(self)


def until_ms(produced_ms: int, examples: int, per_second: int) -> int:
    """When so many examples should have been learnt, in Kafka's time.

    Examples
    --------
    >>> until_ms(10_000, 5_000, per_second=1_000)
    17000
    """
    return produced_ms + _GRACE_MS + examples * 1_000 // per_second


def begins_at(preparing: Preparing, batch: Batch) -> bool:
    """Whether the race begins with this record."""
    return batch.offset > preparing.offset and int(batch.examples.produced_ms.max(initial=0)) >= preparing.until_ms


class Replaying:
    """Replays in progress.

    Parameters
    ----------
    config
        The model's.
    preparing
        What is to be learnt.
    """

    def __init__(self, config: ModelConfig, preparing: Preparing) -> None:
        self._config = config
        self.preparing = preparing
        self._task = make_task(config.task, classes=config.classes)
        self.lineages = {
            one.name: Lineage(build(factory_of(config, one.family)), family=one.family) for one in preparing.wanted
        }
        self._seen = {one.name: one.count for one in preparing.wanted}
        self.offset = preparing.first_offset - 1
        self.learnt = 0
        self.done = False

    def step(self, batch: Batch) -> None:
        """Learn one record; nothing when it was learnt already, or all is done."""
        if self.done or batch.offset <= self.offset:
            return
        for wanted in self.preparing.wanted:
            if batch.offset >= wanted.offset:
                self._learn(wanted, batch)
        self.offset = batch.offset
        self.done = begins_at(self.preparing, batch)

    def _learn(self, wanted: Wanted, batch: Batch) -> None:
        lineage, seen = self.lineages[wanted.name], self._seen[wanted.name]
        self._seen[wanted.name] = seen + len(batch.examples)
        if seen + len(batch.examples) <= wanted.start:
            return
        if wanted.half_life and not lineage.learnt.count:
            lineage.learnt.half_life, lineage.learnt.thinned = wanted.half_life, self.preparing.count - seen
        learn_thinned(lineage, self._task, batch)
        self.learnt += len(batch.examples)

    def dumped(self, dump: Callable[[object], bytes]) -> bytes:
        """All of it as bytes, for :meth:`restored`."""
        head = {
            "preparing": self.preparing.to_wire(),
            "offset": self.offset,
            "learnt": self.learnt,
            "done": self.done,
            "seen": self._seen,
            "ranges": {name: asdict(lineage.learnt) for name, lineage in self.lineages.items()},
        }
        return joined([orjson.dumps(head), *(dump(lineage.model) for lineage in self.lineages.values())])

    def restored(self, data: bytes, load: Callable[[bytes], Any]) -> bool:
        """Go on from what :meth:`dumped` returned; False when it is of other replays, which changes nothing."""
        parts = split(data)
        head = orjson.loads(parts[0])
        if Preparing.from_wire(head["preparing"]) != self.preparing:
            return False
        self.offset, self.learnt, self.done, self._seen = head["offset"], head["learnt"], head["done"], head["seen"]
        for (name, lineage), part in zip(self.lineages.items(), parts[1:], strict=True):
            lineage.model, lineage.learnt = load(part), LearntRange(**head["ranges"][name])
        return True
