"""Listens to what the roles say during a run: alerts, metrics, audit and dead letters, with the time of arrival."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from trimtab.config import KafkaConfig
from trimtab.demo.accounting import Account
from trimtab.errors import TrimtabError
from trimtab.kafka.reading import read_topics
from trimtab.kafka.topics import Topics

__all__ = ["Heard", "Watch"]


@dataclass
class Heard:
    """What came so far; ``alerts`` carry ``arrived_ms``, the wall time at which they were read."""

    alerts: list[dict[str, Any]] = field(default_factory=list)
    audit: list[dict[str, Any]] = field(default_factory=list)
    dead_letters: dict[str, int] = field(default_factory=dict)
    account: Account = field(default_factory=Account)
    performance: dict[str, dict[str, Any]] = field(default_factory=dict)


class Watch:
    """Reads in a thread of its own until closed.

    Parameters
    ----------
    config
        Where Kafka is.
    on_event
        Called with the topic's short name and each record of ``alerts`` and ``audit``.
    """

    def __init__(self, config: KafkaConfig, on_event: Callable[[str, dict[str, Any]], None] = lambda *_: None) -> None:
        self.heard = Heard()
        self.error: TrimtabError | None = None
        self._config = config
        self._on_event = on_event
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-watch", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        topics = Topics(self._config.topic_prefix)
        names = [topics.alerts, topics.audit, topics.metrics, topics.dead_letters]
        try:
            for message in read_topics(self._config, names, follow=True, stop=self._stop.is_set):
                value = message.value()
                if value is not None:
                    self._take((message.topic() or "").removeprefix(topics.prefix), orjson.loads(value))
        except TrimtabError as error:
            self.error = error

    def _take(self, topic: str, record: dict[str, Any]) -> None:
        if topic == "metrics":
            self.heard.account.metric(record)
            if record["statistic"] == "accuracy" and not record["segment"]:
                self.heard.performance[record["model"]] = record
        elif topic == "dead-letters":
            self.heard.dead_letters[record["reason"]] = self.heard.dead_letters.get(record["reason"], 0) + 1
        else:
            record["arrived_ms"] = time.time_ns() // 1_000_000
            (self.heard.alerts if topic == "alerts" else self.heard.audit).append(record)
            self._on_event(topic, record)
