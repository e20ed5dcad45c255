"""What a role has not read yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trimtab.config import Config
from trimtab.kafka.progress import Place, progress

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

__all__ = ["READ", "behind"]

READ: Final = {
    "collector": ("features", "predictions", "labels"),
    "monitor": ("profiles",),
    "trainer": ("examples", "commands"),
}
"""Topics, without the prefix, that each role commits offsets of."""


def behind(client: AdminClient, config: Config, role: str, timeout_s: float = 5.0) -> dict[Place, int]:
    """Records that a role has not read, by topic and partition; raises KafkaError."""
    prefix = config.kafka.topic_prefix
    places = [(prefix + name, number) for name in READ[role] for number in range(config.kafka.partitions)]
    found = progress(client, f"{prefix}{role}", places, timeout_s=timeout_s)
    return {place: max(0, found.ends[place] - found.read[place]) for place in places}
