"""What the processes say of themselves: who is silent, whose windows stall, and whether anybody is told of alerts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from trimtab import clock
from trimtab.config import Config
from trimtab.doctor.finding import Finding, Status
from trimtab.kafka.tables import read_table
from trimtab.kafka.topics import Topics

__all__ = ["judged", "processes"]

# They tell each five seconds; two may be lost.
_SILENT_MS = 15_000

Record = Mapping[str, Any]


def processes(config: Config) -> Iterator[Finding]:
    """Read the topic ``health``."""
    topic = Topics(config.kafka.topic_prefix).health
    found = [
        orjson.loads(value)
        for number in range(config.kafka.partitions)
        for value in read_table(config.kafka, topic, number).values()
    ]
    yield from judged(config, found, clock.now_ms())


def judged(config: Config, records: list[Record], now_ms: int) -> Iterator[Finding]:
    """What to say of these records of schema ``health``."""
    silent = [one for one in records if now_ms - one["time_ms"] > _SILENT_MS]
    alive = [one for one in records if now_ms - one["time_ms"] <= _SILENT_MS]
    for one in silent:
        who, age_s = f"{one['role']} {one['instance']}", (now_ms - one["time_ms"]) / 1_000
        yield Finding(
            "processes",
            Status.WARN,
            f"{who} (process {one['pid']} on {one['host']}) has said nothing for {age_s:,.0f} s",
            "its log says why it ended; start it again, or it is forgotten a day later",
        )
    releases = sorted({str(one["release"]) for one in alive})
    if len(releases) > 1:
        yield Finding(
            "releases",
            Status.WARN,
            f"processes of {' and '.join(releases)} run together; records of the newer may not fit the older's schemas",
            "bring all to one release; unknown_schema among the dead letters tells what was not understood",
        )
    if not silent:
        yield Finding("processes", Status.OK, f"{len(alive)} tell of themselves, none is silent")
    for one in alive:
        if halted := one["gauges"].get("halted_models", 0.0):
            what = f"{halted:.0f} models learn no more: their own code failed in {one['role']} {one['instance']}"
            yield Finding("learning", Status.FAIL, what, "its log says where; mend the model, then start it again")
    yield from _windows(config, [one for one in alive if one["role"] == "monitor"])
    yield _notifier(config, [one for one in alive if one["role"] == "notifier"])


def _windows(config: Config, monitors: list[Record]) -> Iterator[Finding]:
    longest_s = max((model.window.size + model.window.lateness for model in config.models.values()), default=0) / 1_000
    for one in monitors:
        delay_s = float(one["gauges"].get("watermark_delay_seconds", 0.0))
        if delay_s > 2 * longest_s:
            yield Finding(
                "watermark",
                Status.WARN,
                f"windows of monitor {one['instance']} are {delay_s:,.0f} s of event time behind the newest event",
                "a partition that is not idle sends old events, or a sender's clock is ahead: see collector.max_future",
            )


def _notifier(config: Config, notifiers: list[Record]) -> Finding:
    receivers = len(config.alerting.receivers)
    acting = sum(one["gauges"].get("acting", 0.0) for one in notifiers)
    what = f"{len(notifiers)} run, {acting:.0f} acts; {receivers} receivers are configured"
    if not receivers:
        return Finding("notifier", Status.OK, f"{what}, so nobody is told of alerts")
    if not acting:
        return Finding("notifier", Status.FAIL, what, "start one: trimtab run notifier, or all roles: trimtab up")
    return Finding("notifier", Status.OK, what)
