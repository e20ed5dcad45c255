"""Whether the roles run, keep up, and can use what they are given."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import orjson

from trimtab.config import Config
from trimtab.doctor.finding import Finding, Status
from trimtab.kafka.progress import Place
from trimtab.kafka.topics import Topics
from trimtab.roles.lag import READ
from trimtab.roles.lag import behind as unread

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

__all__ = ["dead_letters", "lag"]

_WATCH_S = 1.5
_HOUR_MS = 3_600_000


def lag(client: AdminClient, config: Config) -> Iterator[Finding]:
    """Of each role: whether it has members, what it has not read, and whether it goes on."""
    prefix = config.kafka.topic_prefix
    before = {role: unread(client, config, role) for role in READ}
    time.sleep(_WATCH_S)
    for role in READ:
        members, behind = _members(client, f"{prefix}{role}"), unread(client, config, role)
        total, was = _unread(role, behind), _unread(role, before[role])
        what = f"{members} member{'' if members == 1 else 's'}, {total:,} records not read"
        if not members:
            level = Status.FAIL if total else Status.WARN
            yield Finding(role, level, what, f"start it: trimtab run {role}, or all of them: trimtab up")
        elif was and (total > was or (total == was and role != "monitor")):
            worst = max(behind, key=lambda place: behind[place])
            what += f", none fewer than {_WATCH_S} s ago; most in {worst[0]}[{worst[1]}]"
            yield Finding(role, Status.WARN, what, f"look at the log of the {role}; when it is busy, start another one")
        else:
            # What a window holds that is still open is read, and acknowledged when it closes.
            held = ", or held by open windows" if role == "monitor" and total else ""
            yield Finding(role, Status.OK, what + held)


def _unread(role: str, behind: Mapping[Place, int]) -> int:
    """Records in all places; what a transaction ends with counts as one where readers never get to see it."""
    marker = 0 if role == "collector" else 1
    return sum(max(0, records - marker) for records in behind.values())


def _members(client: AdminClient, group: str) -> int:
    from confluent_kafka import KafkaException

    try:
        return len(client.describe_consumer_groups([group], request_timeout=10)[group].result(10).members)
    except KafkaException:
        return 0  # nobody was ever in it


def dead_letters(config: Config) -> Iterator[Finding]:
    """What could not be used in the last hour, by reason."""
    from confluent_kafka import TopicPartition

    from trimtab.kafka.clients import consumer

    since_ms, reasons, example = time.time_ns() // 1_000_000 - _HOUR_MS, Counter[str](), ""
    topic = Topics(config.kafka.topic_prefix).dead_letters
    reader = consumer(config.kafka, "trimtab-doctor", enable_partition_eof=True)
    try:
        asked = [TopicPartition(topic, number, since_ms) for number in range(config.kafka.partitions)]
        begins = [place for place in reader.offsets_for_times(asked, timeout=10) if place.offset >= 0]
        if begins:
            reader.assign(begins)
        ends = 0
        while ends < len(begins):
            for message in reader.consume(1_000, timeout=1.0):
                if message.error() is not None:
                    ends += 1
                    continue
                letter = orjson.loads(message.value() or b"{}")
                reasons[str(letter.get("reason"))] += 1
                example = (
                    f"{letter.get('topic')}[{letter.get('partition')}] {letter.get('offset')}: {letter.get('detail')}"
                )
    finally:
        reader.close()
    if reasons:
        counts = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common(5))
        yield Finding(
            "dead letters",
            Status.WARN,
            f"in the last hour: {counts}; the last: {example}",
            "docs/events.md says what each asks for",
        )
    else:
        yield Finding("dead letters", Status.OK, "none in the last hour")
