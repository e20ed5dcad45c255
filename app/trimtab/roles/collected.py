"""What a collector has gathered since its last flush, and the records that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from trimtab.config import Config
from trimtab.events import EventError, Example, dead_letter, encode
from trimtab.joining import Expired, Joined, Outcome, Refused, Resolved
from trimtab.kafka.topics import Topics, partition_of
from trimtab.profiles import Reference
from trimtab.profiles.partials import Partials

__all__ = ["Collected", "Output"]

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
        self._examples: dict[str, list[Example]] = {name: [] for name in config.models}
        self._dead: list[Output] = []

    def add(self, outcome: Outcome, value: bytes = b"") -> None:
        """Take one outcome of the join; ``value`` is the record that it came of, when that is the one refused."""
        match outcome:
            case Resolved(event, features, source):
                self._partials[event.model].add_prediction(event, features, source)
            case Joined(model, example, source):
                self._examples[model].append(example)
                self._partials[model].add_example(example, source)
            case Refused(topic, event_id, source, error):
                self.refuse(
                    error,
                    topic=self._topics.prefix + topic,
                    partition=source.partition,
                    offset=source.offset,
                    timestamp_ms=source.timestamp_ms,
                    key=event_id.encode(),
                    value=value,
                )
            case Expired(_, model):
                if model is not None:
                    self._partials[model].counts["unlabelled"] += 1

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
    ) -> None:
        """Take one event that goes to dead letters."""
        letter = dead_letter(
            error, topic=topic, partition=partition, offset=offset, timestamp_ms=timestamp_ms, key=key, value=value
        )
        self._dead.append(Output(self._topics.dead_letters, topic.encode(), letter))

    def outputs(self) -> Iterator[Output]:
        """The dead letters and examples of this flush; what others wait for comes first."""
        yield from self._dead
        for name, gathered in self._examples.items():
            # Partitions are read in turns; models learn in the order of time.
            examples = sorted(gathered, key=_order)
            for start in range(0, len(examples), MAX_BATCH_EXAMPLES):
                chunk = examples[start : start + MAX_BATCH_EXAMPLES]
                batch = {"model": name, "examples": [msgspec.structs.asdict(example) for example in chunk]}
                yield Output(self._topics.examples, name.encode(), encode("example_batch", batch), self._home(name))

    def profiles(self, source_partitions: int) -> Iterator[Output]:
        """The profiles of this flush."""
        for name, partials in self._partials.items():
            if partials:
                record = partials.build(source_partitions)
                yield Output(self._topics.profiles, name.encode(), encode("profile", record), self._home(name))

    def clear(self) -> None:
        """Forget everything gathered."""
        self._dead = []
        for name, partials in self._partials.items():
            partials.clear()
            self._examples[name] = []

    def _home(self, model: str) -> int:
        return partition_of(model, self._partitions)


def _order(example: Example) -> tuple[int, int, str]:
    return example.label_time_ms, example.time_ms, example.id
