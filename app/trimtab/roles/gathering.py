"""Messages that were read and not decoded yet, by topic and partition, handed on in chunks that are worth decoding."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import pairwise

from confluent_kafka import Message

from trimtab.kafka.progress import Place

__all__ = ["Gathering"]

# A table of fewer rows costs more by being a table than by its rows.
ROWS_A_TABLE = 128
# Messages of one place beyond which nothing is waited for: their bytes have to stay in memory.
MOST = 131_072


class Gathering:
    """Gathers messages until decoding them pays, or until they are asked for.

    A chunk becomes one table for each of its models. Events of a thousand models in turns would make tables of a few
    rows, so such chunks are let grow; those of one model are handed on as they come.

    Parameters
    ----------
    other
        Gets what is no message: the end of a partition, or an error.
    """

    def __init__(self, other: Callable[[Message], None]) -> None:
        self._other = other
        self._messages: dict[Place, list[Message]] = {}
        self._wanted: dict[Place, int] = {}

    def __bool__(self) -> bool:
        return bool(self._messages)

    def __contains__(self, place: Place) -> bool:
        return place in self._messages

    def add(self, messages: Sequence[Message]) -> None:
        """Take what was read, in the order in which it was read."""
        # KafkaError cannot be compared with None by ==.
        odd = [message for message in messages if message.error() is not None]
        if odd:
            messages = [message for message in messages if message.error() is None]
        if messages:
            self._sort(messages)
        for message in odd:
            self._other(message)

    def due(self) -> list[tuple[Place, list[Message]]]:
        """Chunks that are large enough."""
        large = [place for place, found in self._messages.items() if len(found) >= self._wanted.get(place, 0)]
        return [(place, self._messages.pop(place)) for place in large]

    def all(self) -> list[tuple[Place, list[Message]]]:
        """All chunks, whatever their size."""
        found, self._messages = self._messages, {}
        return list(found.items())

    def learn(self, place: Place, tables: int, rows: int) -> None:
        """What the last chunk of a place has become."""
        self._wanted[place] = 0 if rows >= ROWS_A_TABLE * tables else min(MOST, ROWS_A_TABLE * tables)

    def drop(self, partitions: Collection[int]) -> None:
        """Forget the messages of these partitions."""
        self._messages = {place: found for place, found in self._messages.items() if place[1] not in partitions}

    def clear(self) -> None:
        """Forget all messages."""
        self._messages = {}

    def _sort(self, messages: Sequence[Message]) -> None:
        # librdkafka hands out long runs of one partition, so most of the time there is little to sort.
        topics, numbers = [message.topic() for message in messages], [message.partition() for message in messages]
        starts = [k for k in range(1, len(topics)) if numbers[k] != numbers[k - 1] or topics[k] != topics[k - 1]]
        for start, end in pairwise([0, *starts, len(topics)]):
            self._messages.setdefault((str(topics[start]), numbers[start] or 0), []).extend(messages[start:end])
