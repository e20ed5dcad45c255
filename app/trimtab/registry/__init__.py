"""The registry: versioned, verifiable snapshots of models in one log-compacted topic.

What touches Kafka is imported from its own module (``publish``, ``index``, ``fetch``), so that the pure packages can
use the rest without loading a Kafka client.
"""

from trimtab.registry.digest import state_digest
from trimtab.registry.records import ChunkRef, SnapshotRef
from trimtab.registry.snapshot import SnapshotRefused, dump, load

__all__ = ["ChunkRef", "SnapshotRef", "SnapshotRefused", "dump", "load", "state_digest"]
