"""The records by which a version gets another reference: the reference itself, and who set it."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from trimtab.config import KafkaConfig
from trimtab.kafka.topics import Topics, partition_of
from trimtab.profiles import Reference
from trimtab.registry.audit import Chain, entry_of
from trimtab.registry.records import INDEX_PARTITION, reference_key
from trimtab.registry.signing import UNSIGNED, Signer

__all__ = ["reference_set"]


def reference_set(
    kafka: KafkaConfig,
    model: str,
    version: int,
    reference: Reference,
    *,
    actor: str,
    trigger: str,
    now_ms: int,
    details: Mapping[str, float | str],
    chain: Chain,
    signer: Signer = UNSIGNED,
) -> list[tuple[str, bytes, bytes, int]]:
    """Topic, key, value and partition of each record; they belong in one transaction.

    Parameters
    ----------
    chain
        The writer's chain of the model in the audit log; its next entry is made.

    Examples
    --------
    >>> made, by = Reference.of("m@1/x", {}, {}, {}), {"actor": "you", "trigger": "command", "now_ms": 0}
    >>> records = reference_set(KafkaConfig(), "m", 1, made, details={}, chain=Chain("m", "cli"), **by)
    >>> [(topic, key) for topic, key, _, _ in records]
    [('trimtab.registry', b'm/references/1'), ('trimtab.audit', b'm')]
    """
    topics = Topics(kafka.topic_prefix)
    told = {"reference": reference.id, **details}
    entry = entry_of(model, "reference_set", actor, now_ms, told, trigger=trigger, version=version)
    audit = chain.sealed(entry, signer)
    key = reference_key(model, version)
    record = signer.signed("registry", key, reference.to_wire())
    return [
        (topics.registry, key.encode(), orjson.dumps(record), INDEX_PARTITION),
        (topics.audit, model.encode(), orjson.dumps(audit), partition_of(model, kafka.partitions)),
    ]
