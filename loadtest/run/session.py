"""One load on Trimtab's own processes, watched from outside."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import yaml
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from loadtest.peers.publishing import publish_versions
from loadtest.processes import Role
from loadtest.run.measured import Outcome, outcome
from loadtest.run.options import Options
from loadtest.run.sender import TICK_S
from loadtest.run.traffic import ROWS, VERSION, model_settings
from trimtab.config import Config, load_config
from trimtab.kafka.clients import admin, consumer
from trimtab.kafka.topics import Topics, create_topics
from trimtab.profiles import Reference

__all__ = ["Sample", "Session", "Sent"]

PREFIX = "load."
SAMPLE_S = 0.5
# From the start of the roles to the first event.
LEAD_S = 3.0
STALL_S = 60.0
# Idle partitions hold a window open for 5 s; this much more has to be enough for the last windows.
LAST_WINDOWS_S = 30.0


class Sample(NamedTuple):
    """One look at the processes, ``seconds`` after the first event was due."""

    seconds: float
    committed: int
    lag: int
    cpu_s: dict[str, float]
    rss_mb: dict[str, float]


class Sent(NamedTuple):
    """What all senders sent."""

    predictions: int
    records: int
    labels: int


class Session:
    """Runs one load.

    Parameters
    ----------
    bootstrap, folder
        The broker, and an empty folder.
    tell
        Called now and then with the share of the time that is over, from 0 to 1, and the last sample.
    """

    def __init__(
        self, options: Options, bootstrap: str, folder: Path, tell: Callable[[float, Sample], None] = lambda *_: None
    ) -> None:
        self._options = options
        self._folder = folder
        self._tell = tell
        self.samples: list[Sample] = []
        self._path = folder / "trimtab.yaml"
        self._config = self._configure(bootstrap)
        self._topics = Topics(PREFIX)

    def run(self) -> tuple[Sent, Outcome]:
        """Put the load on, wait until all of it is collected and its windows are closed, and read what came out.

        Raises
        ------
        SystemExit
            A process ended, or the collectors stand still.
        """
        create_topics(admin(self._config.kafka), self._config.kafka)
        references = {name: self._reference(name) for name in self._options.model_names}
        publish_versions(self._config, references, VERSION)
        with ExitStack() as stack:
            roles = [] if self._options.backlog else self._start(stack)
            start_s = time.time() + LEAD_S
            senders = [self._sender(number, start_s) for number in range(self._options.senders)]
            stack.callback(_end, senders)
            if self._options.backlog:
                for sender in senders:
                    sender.wait()
                roles = self._start(stack)
            sent = self._watch(roles, senders, start_s)
            last_ms = 1_000 * (start_s + self._options.seconds - TICK_S)
            return sent, self._outcome(roles, sent, last_ms)

    def _outcome(self, roles: Sequence[Role], sent: Sent, last_ms: float) -> Outcome:
        """What came out, once every event is in a window or the last windows have had time enough."""
        deadline = time.monotonic() + LAST_WINDOWS_S + self._options.window_s + self._options.lateness_s
        while True:
            time.sleep(1.0)
            for role in roles:
                role.check()
            found = outcome(self._config.kafka, self._options.lateness_s, last_ms)
            missing = sent.predictions - found.counted - found.late
            unjoined = sent.labels - found.examples if self._options.labels else 0
            if (missing <= 0 and unjoined <= 0) or time.monotonic() > deadline:
                return found

    def _configure(self, bootstrap: str) -> Config:
        models = {name: model_settings(self._options) for name in self._options.model_names}
        kafka = {"bootstrap_servers": bootstrap, "topic_prefix": PREFIX, "partitions": self._options.partitions}
        settings = {"kafka": kafka, "data_dir": str(self._folder / "data"), "models": models}
        self._path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        return load_config(self._path)

    def _reference(self, model: str) -> Reference:
        rng = np.random.default_rng(7)
        columns = {name: rng.normal(size=20 * ROWS) for name in self._options.feature_names}
        return Reference.of(f"{model}@{VERSION}", columns, {}, {})

    def _start(self, stack: ExitStack) -> list[Role]:
        """All roles; the collectors have their partitions."""
        roles = [stack.enter_context(role) for role in self._roles()]
        kafka, group = admin(self._config.kafka), f"{PREFIX}collector"
        deadline = time.monotonic() + STALL_S
        while _assigned(kafka, group) < self._options.collectors:
            for role in roles:
                role.check()
            if time.monotonic() > deadline:
                raise SystemExit(f"loadtest: the collectors did not start within {STALL_S:.0f} s")
            time.sleep(SAMPLE_S)
        return roles

    def _roles(self) -> list[Role]:
        names = [("monitor", "0"), *(("collector", str(number)) for number in range(self._options.collectors))]
        if self._options.labels:
            names.append(("trainer", "0"))
        return [Role(role, self._path, instance) for role, instance in names]

    def _sender(self, number: int, start_s: float) -> subprocess.Popen[bytes]:
        bootstrap = str(self._config.kafka.bootstrap_servers)
        command = [sys.executable, "-m", "loadtest.run.sender", bootstrap, PREFIX, str(number), str(start_s)]
        options = self._folder / "options.json"
        options.write_bytes(msgspec.json.encode(msgspec.structs.replace(self._options, json=None, html=None)))
        with options.open("rb") as text:
            return subprocess.Popen(command, stdin=text, stdout=subprocess.PIPE)

    def _watch(self, roles: Sequence[Role], senders: Sequence[subprocess.Popen[bytes]], start_s: float) -> Sent:
        """Look twice a second until everything that was sent is committed."""
        group = self._group()
        sent: Sent | None = None
        last, deadline = -1, time.monotonic() + STALL_S
        try:
            while True:
                time.sleep(SAMPLE_S)
                sample = self._sample(group, roles, start_s)
                self.samples.append(sample)
                self._tell(min(1.0, max(0.0, sample.seconds / self._options.seconds)), sample)
                if sent is None and all(sender.poll() is not None for sender in senders):
                    sent = _sent(senders)
                if sent is not None and sample.lag == 0:
                    return sent
                if sample.committed > last:
                    last, deadline = sample.committed, time.monotonic() + STALL_S
                if time.monotonic() > deadline:
                    raise SystemExit(f"loadtest: nothing was committed for {STALL_S:.0f} s:\n{roles[-1].log_tail}")
        finally:
            group.close()

    def _sample(self, group: Consumer, roles: Sequence[Role], start_s: float) -> Sample:
        for role in roles:
            role.check()
        topics = [self._topics.predictions, *([self._topics.labels] if self._options.labels else [])]
        places = [TopicPartition(topic, number) for topic in topics for number in range(self._options.partitions)]
        end = sum(group.get_watermark_offsets(place, timeout=10)[1] for place in places)
        try:
            committed = sum(max(0, place.offset) for place in group.committed(places, timeout=10))
        except KafkaException:  # a broker that has just started does not know the group yet
            committed = 0
        cpu_s, rss_mb = {role.name: role.cpu_s for role in roles}, {role.name: role.rss_mb for role in roles}
        return Sample(time.time() - start_s, committed, end - committed, cpu_s, rss_mb)

    def _group(self) -> Consumer:
        # Reading committed offsets only would wait for the transaction under way.
        return consumer(
            self._config.kafka,
            "loadtest-commits",
            group_id=f"{PREFIX}collector",
            isolation_level="read_uncommitted",
        )


def _assigned(kafka: AdminClient, group: str) -> int:
    """Members of a group that have partitions."""
    try:
        found = kafka.describe_consumer_groups([group], request_timeout=10)[group].result()
    except KafkaException:
        return 0
    return sum(1 for member in found.members if member.assignment.topic_partitions)


def _end(senders: Sequence[subprocess.Popen[bytes]]) -> None:
    for sender in senders:
        sender.kill()
        sender.wait()


def _sent(senders: Sequence[subprocess.Popen[bytes]]) -> Sent:
    found: list[dict[str, Any]] = []
    for sender in senders:
        out = sender.stdout.read() if sender.stdout is not None else b""
        if sender.returncode:
            raise SystemExit(f"loadtest: a sender ended with code {sender.returncode}")
        found.append(json.loads(out))
    return Sent(*(sum(one[name] for one in found) for name in Sent._fields))
