"""One broker and the streams on it; runs any peer by name and keeps what came of it."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from confluent_kafka import KafkaException

from loadtest.peers import topics
from loadtest.peers.catalogue import REQUIREMENTS
from loadtest.peers.check import check_peer
from loadtest.peers.environments import Environments
from loadtest.peers.figures import Run
from loadtest.peers.formats import FORMATS, encode_json
from loadtest.peers.peer_run import run_script
from loadtest.peers.scripts.task import Orders
from loadtest.peers.spool import spooled
from loadtest.peers.stream import EVENTS_A_WINDOW, PARTITIONS, block
from loadtest.peers.trimtab_run import run_trimtab
from loadtest.peers.truth import truth_of
from trimtab.config import KafkaConfig
from trimtab.errors import TrimtabError

__all__ = ["Session", "Sizes", "line_of"]

TOPIC = "peers.events"
# The check compares; a peer that only reads has nothing to compare.
_WITHOUT_OUTPUT = frozenset({"raw"})

_truth = cache(truth_of)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How long the stream is, and how many times as long for the format that is many times as fast."""

    events: int
    columnar_factor: int

    def windows(self, name: str) -> int:
        """Windows of the stream of one peer."""
        factor = self.columnar_factor if name == "trimtab_columnar" else 1
        return self.events // EVENTS_A_WINDOW * factor


class Session:
    """Runs peers against one broker.

    Parameters
    ----------
    bootstrap
        The broker.
    folder
        For spools, configurations and logs.
    """

    def __init__(self, bootstrap: str, folder: Path, sizes: Sizes, environments: Environments) -> None:
        self.runs: defaultdict[str, list[Run]] = defaultdict(list)
        self.failed: Counter[str] = Counter()
        self._bootstrap = bootstrap
        self._kafka = KafkaConfig(bootstrap_servers=bootstrap, topic_prefix="", partitions=PARTITIONS)
        self._folder = folder
        self._sizes = sizes
        self._environments = environments

    def prepare(self, names: Sequence[str]) -> None:
        """Make everything that is not measured: environments, and the topic that all peers read."""
        peers = [name for name in names if name in REQUIREMENTS]
        for name in peers:
            self._environments.python(REQUIREMENTS[name])
        if peers:
            topics.create(self._kafka, TOPIC, PARTITIONS)
            blocks = map(block, range(self._sizes.windows(peers[0])))
            topics.fill(self._kafka, TOPIC, (record for made in blocks for record in encode_json(made)))

    def run(self, name: str) -> str:
        """Run a peer once; returns the line that says how it went."""
        run = f"{name}-{uuid.uuid4().hex[:8]}"
        try:
            found = self._trimtab(name, run) if name in FORMATS else self._peer(name, run)
        except (RuntimeError, ImportError, KafkaException, TrimtabError, SystemExit) as error:
            self.failed[name] += 1
            return f"failed: {error}"
        self.runs[name].append(found)
        return line_of(found)

    def _trimtab(self, name: str, run: str) -> Run:
        windows = self._sizes.windows(name)
        encode = FORMATS[name]
        made = (record for number in range(windows) for record in encode(block(number)))
        records = spooled(self._folder / f"{name}.spool", made)
        found = run_trimtab(self._bootstrap, run, self._folder / run, records, _truth(windows))
        # How fast events are refused or lost is no figure of ours.
        if found.check is None or not found.check.complete:
            raise RuntimeError(f"the output is wrong: {found.check}")
        return found

    def _peer(self, name: str, run: str) -> Run:
        windows, out_topic = self._sizes.windows(name), f"peers.out.{run}"
        orders = Orders(self._bootstrap, TOPIC, out_topic, windows * EVENTS_A_WINDOW, run)
        topics.create(self._kafka, out_topic, 1)
        try:
            python = self._environments.python(REQUIREMENTS[name])
            figures = run_script(python, name, orders, self._folder)
            messages = topics.read_json(self._kafka, out_topic)
        finally:
            # Some make topics of their own, named after the run.
            topics.delete(self._kafka, lambda topic: run in topic)
        return Run(
            events=orders.events,
            events_per_s=figures["events_per_s"],
            cpu_us_per_event=figures["cpu_us_per_event"],
            rss_mb=figures["rss_mb"],
            check=None if name in _WITHOUT_OUTPUT else check_peer(messages, _truth(windows), figures["late"]),
        )


def line_of(run: Run) -> str:
    """One run for people."""
    line = f"{run.events_per_s:>11,.0f} events/s  {run.cpu_us_per_event:8.2f} us CPU an event  {run.rss_mb:6,.0f} MB"
    check = run.check
    if check is None:
        return line
    return f"{line}  {check.full_windows} of {check.expected_windows} windows, {check.late or 0:,} late"
