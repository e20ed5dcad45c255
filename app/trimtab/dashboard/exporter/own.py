"""Samples of Trimtab itself and of the services that follow models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from trimtab.dashboard.exporter.families import FAMILIES, process_family
from trimtab.dashboard.exporter.sheet import Sample
from trimtab.dashboard.views.system import FollowerRow, LagRow, ProcessRow, system
from trimtab.dashboard.views.world import World
from trimtab.events import Reason

__all__ = ["own"]


def own(world: World, behind: list[LagRow] | None) -> Iterator[Sample]:
    """What is known; ``behind`` is from :func:`trimtab.dashboard.views.system.lags`."""
    view = system(world, behind)
    yield Sample("trimtab_kafka_reachable", behind is not None)
    yield Sample("trimtab_read_ratio", world.read_share)
    for row in behind or ():
        yield Sample("trimtab_lag_records", row["records"], (row["role"],))
    for reason, count in (dict.fromkeys(Reason, 0) | world.queries.letter_counts()).items():
        yield Sample("trimtab_dead_letters_total", count, (str(reason),))
    for process in view["processes"]:
        yield from _process(process)
    yield from _followers([row for row in view["followers"] if not row["late"]])


def _process(row: ProcessRow) -> Iterator[Sample]:
    labels = (row["role"], row["instance"])
    yield Sample("trimtab_process_up", not row["late"], labels)
    yield Sample("trimtab_process_start_time_seconds", row["started_ms"] / 1_000, labels)
    for name, value in (row["counters"] | row["gauges"]).items():
        # Another release may count what we have never heard of.
        if process_family(name) in FAMILIES:
            yield Sample(process_family(name), value, labels)


def _followers(rows: Sequence[FollowerRow]) -> Iterator[Sample]:
    for (model, version), count in Counter((row["model"], row["version"]) for row in rows).items():
        yield Sample("trimtab_followers", count, (model, str(version)))
    for row in rows:
        labels = (row["model"], row["instance"])
        yield Sample("trimtab_follower_behind_seconds", row["behind_s"], labels)
        yield Sample("trimtab_follower_refused_total", row["refused"], labels)
