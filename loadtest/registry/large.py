"""A snapshot of the largest size that is allowed: seconds and memory of writing and of loading it."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadtest.processes import rss_mb
from loadtest.registry.versions import configured, templates, transactional
from trimtab import ModelFollower
from trimtab.config import Config
from trimtab.registry.digest import state_digest
from trimtab.registry.publish import Publication
from trimtab.registry.records import champion_key, chunks_key, manifest_sha256, version_key
from trimtab.registry.snapshot import dump

__all__ = ["large"]

MODEL = "m"


class Peak:
    """The largest resident memory of this process while the block runs, above that at its beginning."""

    def __enter__(self) -> Peak:
        gc.collect()
        self._before = self._most = rss_mb(os.getpid())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        self._began = time.monotonic()
        return self

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            self._most = max(self._most, rss_mb(os.getpid()))

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._began
        self._stop.set()
        self._thread.join()
        self.mb = self._most - self._before


def large(bootstrap: str, folder: Path, megabytes: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """A naive Bayes model of very many features is dumped, published and loaded by a follower."""
    cap = int(megabytes * 1.1e6)
    config = configured(bootstrap, folder, [MODEL], prefix="large.", gates={"max_snapshot_bytes": cap})
    model = _model(megabytes * 1_000_000)
    with Peak() as dumping:
        data = dump(model)
    tell(f"large: {len(data) / 1e6:,.0f} MB")
    digest, sender = state_digest(model), transactional(config, "large")
    del model
    with Peak() as publishing:
        _publish(config, sender, data, digest)
    size = len(data)
    del data
    with Peak() as loading, ModelFollower(MODEL, config) as follower:
        if not follower.wait_for_model(120):
            raise SystemExit("loadtest: the large version was not loaded")
    return {
        "bytes": size,
        **{
            f"{name}_{what}": value
            for name, peak in (("dump", dumping), ("publish", publishing), ("load", loading))
            for what, value in (("seconds", peak.seconds), ("rss_mb", peak.mb))
        },
    }


def _model(size: int) -> Any:
    """A linear model with as many weights as make up a snapshot of the size."""
    from river import linear_model

    model, probe = linear_model.LogisticRegression(), linear_model.LogisticRegression()
    probe.learn_one({f"feature_{i:08d}": 1.0 for i in range(10_000)}, True)
    count = int(size / (len(dump(probe)) / 10_000))
    model.learn_one({f"feature_{i:08d}": 1.0 for i in range(count)}, True)
    return model


def _publish(config: Config, sender: Any, data: bytes, digest: str) -> None:
    template = templates(config)[MODEL]
    sender.begin_transaction()
    publication = Publication(config.kafka, sender, config.kafka.partitions)
    ref = publication.snapshot(chunks_key(MODEL, 1), MODEL, data)
    manifest = template.manifest(1, ref) | {"state_digest": digest}
    manifest["manifest_sha256"] = manifest_sha256(manifest)
    alias = template.alias(1, manifest)
    for key, record in ((version_key(MODEL, 1), manifest), (champion_key(MODEL), alias)):
        publication.index(key, record)
        publication.serve(key, record)
    sender.commit_transaction(60)
