"""What a collector has gathered since its last flush, and the records that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from trimtab.config import Config
from trimtab.events import EventError, Reason, dead_letter, encode
from trimtab.events.examples import Examples, encode_examples
from trimtab.events.naming import Naming
from trimtab.events.tables import PredictionTable
from trimtab.joining import Joined, Outcomes
from trimtab.kafka.topics import Topics, partition_of
from trimtab.profiles import Reference
from trimtab.profiles.partials import Partials

__all__ = ["Collected", "Output"]

# That the other part of a pair never came is said long after the event did.
_ALONE = frozenset({Reason.LABEL_WITHOUT_PREDICTION, Reason.PREDICTION_WITHOUT_FEATURES})
# One example batch must stay far below the topic's message limit.
MAX_BATCH_EXAMPLES = 500


class Output(NamedTuple):
    """One record to produce; partition -1 lets the key decide."""

    topic: str
    key: bytes
    value: bytes
    partition: int = -1


class Collected:
    """Outcomes of one flush.

    Parameters
    ----------
    config
        The configuration; its models are the ones collected.
    reference_of
        Reference of a model's version, or None.
    """

    def __init__(self, config: Config, reference_of: Callable[[str, int], Reference | None]) -> None:
        self._topics = Topics(config.kafka.topic_prefix)
        self._partitions = config.kafka.partitions
        self._partials = {
            name: Partials(name, model, lambda version, name=name: reference_of(name, version))  # type: ignore[misc]
            for name, model in config.models.items()
        }
        self._naming = Naming(config.models)
        self._examples: dict[str, list[Examples]] = {}
        self._dead: list[Output] = []

    def add(self, outcomes: Outcomes) -> None:
        """Take outcomes of the join, but for what it refused: see :meth:`refuse`."""
        for table in outcomes.resolved:
            self.profile(table)
        for joined in outcomes.joined:
            self._learn(joined)
        for model, count in outcomes.unlabelled.items():
            self._partials[model].counts["unlabelled"] += count

    def profile(self, table: PredictionTable) -> None:
        """Take predictions that have their features."""
        self._partials[table.model].add_predictions(table)

    def _learn(self, joined: Joined) -> None:
        self._examples.setdefault(joined.model, []).append(joined.examples)
        self._partials[joined.model].add_examples(joined.examples, joined.sources)

    def refuse(
        self,
        error: EventError,
        *,
        topic: str,
        partition: int,
        offset: int,
        timestamp_ms: int,
        key: bytes | None,
        value: bytes,
        model: str | None = None,
    ) -> None:
        """Take one event that goes to dead letters; ``model`` is its model, where the join knows it."""
        self.count(error, topic=topic, partition=partition, timestamp_ms=timestamp_ms, value=value, model=model)
        letter = dead_letter(
            error, topic=topic, partition=partition, offset=offset, timestamp_ms=timestamp_ms, key=key, value=value
        )
        self._dead.append(Output(self._topics.dead_letters, topic.encode(), letter))

    def count(
        self, error: EventError, *, topic: str, partition: int, timestamp_ms: int, value: bytes, model: str | None
    ) -> None:
        """Count one event that cannot be used, for the model that it belongs to, as far as it can be told."""
        name = self._naming.model_of(value) if model is None else model
        if name is None or error.reason in _ALONE:
            return
        what = "duplicates" if error.reason is Reason.DUPLICATE else "refused"
        stamps = np.array([max(0, timestamp_ms)], np.int64)
        self._partials[name].arrive(what, topic.removeprefix(self._topics.prefix), partition, stamps)

    def outputs(self) -> Iterator[Output]:
        """The dead letters and examples of this flush; what others wait for comes first."""
        yield from self._dead
        for name, gathered in self._examples.items():
            examples = Examples.concat(gathered)
            # Partitions are read in turns; models learn in the order of time.
            order = examples.order()
            for rows in np.split(order, range(MAX_BATCH_EXAMPLES, order.size, MAX_BATCH_EXAMPLES)):
                batch = encode_examples(name, examples.take(rows))
                yield Output(self._topics.examples, name.encode(), batch, self._home(name))

    def profiles(self, source_partitions: int) -> Iterator[Output]:
        """The profiles of this flush."""
        for name, partials in self._partials.items():
            if partials:
                for record in partials.build(source_partitions):
                    yield Output(self._topics.profiles, name.encode(), encode("profile", record), self._home(name))

    @property
    def profile_count(self) -> int:
        """How many profiles were begun."""
        return sum(len(partials) for partials in self._partials.values())

    def clear(self) -> None:
        """Forget everything gathered."""
        self._dead = []
        self._examples = {}
        for partials in self._partials.values():
            partials.clear()

    def _home(self, model: str) -> int:
        return partition_of(model, self._partitions)
