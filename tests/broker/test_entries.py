"""Commands that tell the audit log: one at a time about one model."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from trimtab.config import KafkaConfig
from trimtab.errors import KafkaError
from trimtab.kafka.clients import admin
from trimtab.kafka.topics import Topics, create_topics, partition_of
from trimtab.registry.audit import Chain, check, entry_of
from trimtab.registry.audit_log import read_audit
from trimtab.roles.entries import Records, write_with_entry


def entry(kafka: KafkaConfig, chain: Chain, actor: str) -> Records:
    sealed: dict[str, Any] = chain.sealed(entry_of("m", "verified", actor, 5, {}))
    topic, number = Topics(kafka.topic_prefix).audit, partition_of("m", kafka.partitions)
    return [(topic, b"m", orjson.dumps(sealed), number)]


def test_a_second_command_takes_over_and_the_chain_stays_whole(kafka: KafkaConfig) -> None:
    create_topics(admin(kafka), kafka)
    write_with_entry(kafka, "m", lambda chain: entry(kafka, chain, "first"))

    def slow(chain: Chain) -> Records:
        write_with_entry(kafka, "m", lambda chain: entry(kafka, chain, "second"))
        return entry(kafka, chain, "slow")

    with pytest.raises(KafkaError, match="the entry of m in the audit log"):
        write_with_entry(kafka, "m", slow)
    write_with_entry(kafka, "m", lambda chain: entry(kafka, chain, "third"))
    found = list(read_audit(kafka, "m"))
    assert [one.record["actor"] for one in found if one.record is not None] == ["first", "second", "third"]
    assert list(check(found)) == []
