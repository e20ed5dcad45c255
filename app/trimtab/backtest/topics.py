"""What the input topics still hold, through a join and a profile of its own: nothing is committed, nothing produced."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka import KafkaError as RawError

from trimtab.config import Config
from trimtab.errors import KafkaError
from trimtab.events import EventError, decode
from trimtab.events.chunks import ChunkDecoder
from trimtab.events.examples import Examples, decode_examples
from trimtab.kafka.clients import consumer, message_of
from trimtab.kafka.log import read_range
from trimtab.kafka.progress import Place
from trimtab.kafka.topics import Topics, partition_of
from trimtab.profiles import Reference
from trimtab.roles.collected import Collected
from trimtab.roles.collected_partition import CollectedPartition
from trimtab.roles.gathering import Gathering

__all__ = ["TopicHistory"]

_BATCH = 5_000
_TIMEOUT_S = 30.0
_EVENTS = 200_000  # after so many a profile is made, as of a flush


class TopicHistory:
    """Profile records of one model, made of its events since some time.

    Parameters
    ----------
    since_ms
        Kafka timestamp, wall time, of the first events.
    reference_of
        Reference of a model's version, or None.
    """

    def __init__(
        self, config: Config, model: str, since_ms: int, reference_of: Callable[[str, int], Reference | None]
    ) -> None:
        self._config = config
        self._model = model
        self._since_ms = since_ms
        self._topics = Topics(config.kafka.topic_prefix)
        self._collected = Collected(config, reference_of)
        self.refused: dict[str, str] = {}
        self.predictions = 0
        self.first_ms: int | None = None
        self.last_ms: int | None = None

    def records(self) -> Iterator[dict[str, Any]]:
        """The profile records, until the end of the topics as it is when it is reached; raises KafkaError."""
        reader = consumer(self._config.kafka, "trimtab-backtest", enable_partition_eof=True)
        try:
            with tempfile.TemporaryDirectory(prefix="trimtab-backtest-") as folder:
                yield from self._read(reader, Path(folder))
        except KafkaException as error:
            raise KafkaError(f"cannot read the input topics: {message_of(error)}; is Kafka up?") from error
        finally:
            reader.close()

    def examples(self) -> Iterator[tuple[Examples, list[int]]]:
        """What the examples log holds of the model since then, with offsets; raises KafkaError."""
        topic, home = self._topics.examples, self.home
        reader = consumer(self._config.kafka, "trimtab-backtest-examples")
        try:
            [start] = reader.offsets_for_times([TopicPartition(topic, home, self._since_ms)], timeout=_TIMEOUT_S)
            low, end = reader.get_watermark_offsets(TopicPartition(topic, home), timeout=_TIMEOUT_S)
        except KafkaException as error:
            raise KafkaError(f"cannot read {topic}[{home}]: {message_of(error)}; is Kafka up?") from error
        finally:
            reader.close()
        if start.offset < 0:  # nothing is as late as that
            return
        for message in read_range(self._config.kafka, topic, home, max(low, start.offset), end - 1):
            if message.key() == self._model.encode():
                examples = decode_examples(message.value())
                yield examples, [message.offset()] * len(examples)

    @property
    def home(self) -> int:
        """The partition of the model's examples."""
        return partition_of(self._model, self._config.kafka.partitions)

    def _read(self, reader: Consumer, folder: Path) -> Iterator[dict[str, Any]]:
        decoder = ChunkDecoder(self._config.models, self._config.collector.max_event_bytes)
        numbers = range(self._config.kafka.partitions)
        parts = {n: CollectedPartition(n, folder / f"p{n}", self._config, decoder) for n in numbers}
        wanted = [TopicPartition(topic, n, self._since_ms) for topic in self._topics.inputs for n in numbers]
        starts = reader.offsets_for_times(wanted, timeout=_TIMEOUT_S)
        # -1 is the end: nothing is as late as that.
        reader.assign([TopicPartition(p.topic, p.partition, p.offset) for p in starts])
        open_places = {(p.topic, p.partition) for p in starts}
        gathering = Gathering(lambda message: open_places.discard(_ended(message)))
        events = 0
        try:
            while open_places:
                gathering.add(reader.consume(_BATCH, timeout=0.2))
                for place, chunk in gathering.all():
                    events += self._take(parts[place[1]], place, chunk)
                if events >= _EVENTS:
                    events = 0
                    yield from self._profiles()
            yield from self._profiles()
        finally:
            for part in parts.values():
                part.close()

    def _take(self, part: CollectedPartition, place: Place, chunk: list[Any]) -> int:
        decoded = part.decode(place[0], chunk)
        taken = part.take(decoded)
        for table in taken.direct:
            self._collected.profile(table)
        self._collected.add(taken.outcomes)
        for row, error in decoded.refused:
            self._count(error, place, chunk[row].timestamp()[1], chunk[row].value() or b"", None)
            self.refused[f"{place[0]}[{place[1]}]@{chunk[row].offset()}"] = str(error)
        for one in taken.outcomes.refused:
            self._count(one.error, (one.topic, one.partition), one.timestamp_ms, b"", one.model)
            self.refused[f"{self._topics.prefix}{one.topic}[{one.partition}]@{one.offset}"] = str(one.error)
        return decoded.events

    def _count(self, error: EventError, place: Place, timestamp_ms: int, value: bytes, model: str | None) -> None:
        topic, partition = place
        self._collected.count(
            error, topic=topic, partition=partition, timestamp_ms=timestamp_ms, value=value, model=model
        )

    def _profiles(self) -> Iterator[dict[str, Any]]:
        for output in self._collected.profiles(self._config.kafka.partitions):
            record = decode("profile", output.value)
            if record["model"] == self._model:
                self._hear(record)
                yield record
        self._collected.clear()

    def _hear(self, record: dict[str, Any]) -> None:
        self.predictions += record["counts"].get("predictions", 0)
        for profile in record["profiles"]:
            start = profile["start_ms"]
            self.first_ms = start if self.first_ms is None else min(self.first_ms, start)
        for clock in record["clocks"]:
            self.last_ms = clock["time_ms"] if self.last_ms is None else max(self.last_ms, clock["time_ms"])


def _ended(message: Any) -> Place:
    error = message.error()
    if error.code() != RawError._PARTITION_EOF:
        raise KafkaError(f"cannot read {message.topic()}[{message.partition()}]: {error.str()}")
    return message.topic(), message.partition()
