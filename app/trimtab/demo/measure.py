"""What the log of labelled examples says after a run: which rows each offset held, so how stale each answer was."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field

from trimtab.config import KafkaConfig
from trimtab.demo.simulate import Played
from trimtab.events import parse_served
from trimtab.events.examples import decode_examples
from trimtab.kafka.reading import read_topics
from trimtab.kafka.topics import Topics

__all__ = ["ExampleLog", "percentile", "read_examples", "staleness"]


@dataclass
class ExampleLog:
    """Examples of one model by offset: ``counts[k]`` of them lie at or before ``offsets[k]``."""

    offsets: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    first_rows: list[int] = field(default_factory=list)
    last_rows: list[int] = field(default_factory=list)

    def upto(self, offset: int) -> int:
        """How many examples lie at or before ``offset``."""
        k = bisect.bisect_right(self.offsets, offset)
        return self.counts[k - 1] if k else 0

    def last_row(self, offset: int) -> int | None:
        """The last row that lies at or before ``offset``."""
        k = bisect.bisect_right(self.offsets, offset)
        return self.last_rows[k - 1] if k else None

    def first_row(self, offset: int) -> int | None:
        """The first row that lies at or after ``offset``."""
        k = bisect.bisect_left(self.offsets, offset)
        return self.first_rows[k] if k < len(self.offsets) else None


def read_examples(config: KafkaConfig, models: Sequence[str], run_id: str) -> dict[str, ExampleLog]:
    """Read the topic ``examples``; rows are those of the run's event ids."""
    logs = {model: ExampleLog() for model in models}
    prefix = f"row-{run_id}-"
    for message in read_topics(config, [Topics(config.topic_prefix).examples]):
        data = message.value()
        if data is None:
            continue
        log = logs.get((message.key() or b"").decode())
        ids = decode_examples(data).ids.to_list()
        rows = [int(event_id.removeprefix(prefix)) for event_id in ids if event_id.startswith(prefix)]
        if log is None or not rows:
            continue
        log.offsets.append(message.offset())
        log.counts.append((log.counts[-1] if log.counts else 0) + len(rows))
        log.first_rows.append(min(rows))
        log.last_rows.append(max(rows))
    return logs


def staleness(played: Played, model: str, log: ExampleLog) -> list[int]:
    """Of each answer, how many rows were labelled by then that the served state had not learnt.

    Only answers of a state named by its offset count, as those of mode ``online`` are.
    """
    stale = []
    for k, name in enumerate(played.served[model]):
        _, offset = parse_served(name, model)
        if offset is not None:
            stale.append(max(0, played.labels_sent[k] - log.upto(offset)))
    return stale


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least ``share`` of the values do not exceed; None of nothing.

    Examples
    --------
    >>> percentile([3, 1, 2, 4], 0.5), percentile([], 0.5)
    (2, None)
    """
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 1_000) // 1_000) - 1)]
