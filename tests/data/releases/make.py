"""Writes what this release's trainer would publish, for the test that later releases read it.

``python tests/data/releases/make.py NAME`` with a release on the path writes ``NAME.jsonl.gz``: one line a family of
models, with a manifest, the bytes of its snapshot, and a checkpoint in the middle of a race. It is run once a release;
files are never written again.
"""

from __future__ import annotations

import base64
import gzip
import random
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson

from trimtab.config import Config
from trimtab.events import Example
from trimtab.events.examples import Examples
from trimtab.kafka.topics import Topics
from trimtab.registry import SnapshotRef, dump
from trimtab.roles import trainer_records
from trimtab.roles.trainer_records import decided, publish_promotion
from trimtab.training import Batch, Promotion, Trainer, Trigger
from trimtab.training.checkpoint import encode_state

SCALER = {"class": "river.preprocessing:StandardScaler"}
FAMILIES: dict[str, dict[str, Any]] = {
    "logistic": {"factory": {"pipeline": [SCALER, {"class": "river.linear_model:LogisticRegression"}]}},
    "hoeffding": {"factory": {"class": "river.tree:HoeffdingTreeClassifier", "args": {"grace_period": 50}}},
    "adaptive": {"factory": {"class": "river.tree:HoeffdingAdaptiveTreeClassifier", "args": {"grace_period": 50}}},
    "forest": {"factory": {"class": "river.forest:ARFClassifier", "args": {"n_models": 3}}},
    "bayes": {"factory": {"class": "river.naive_bayes:GaussianNB"}},
    "mondrian": {"factory": {"class": "river.forest:AMFClassifier", "args": {"n_estimators": 2}}},
    "regressor": {
        "task": "regression",
        "factory": {"pipeline": [SCALER, {"class": "river.linear_model:LinearRegression"}]},
    },
}
# The first releases kept none.
STANDING: tuple[Any, ...] = (trainer_records.Standing(),) if hasattr(trainer_records, "Standing") else ()


class Kept:
    """What a publication would write."""

    def __init__(self) -> None:
        self.records: dict[str, Any] = {}
        self.data = b""

    def snapshot(self, _key: str, _model: str, data: bytes) -> SnapshotRef:
        self.data = data
        return SnapshotRef.from_wire(
            {
                "size_bytes": len(data),
                "sha256": _sha256(data),
                "chunks": [{"partition": 1, "offset": 0, "size_bytes": len(data)}],
            }
        )

    def index(self, key: str, record: Any) -> None:
        self.records[key] = record

    def serve(self, key: str, record: Any) -> None:
        """The same records again."""


def _sha256(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def batches(config: Any, count: int) -> list[Batch]:
    rng, found = random.Random(3), []
    for number, at in enumerate(range(0, count, 20)):
        examples = []
        for i in range(at, at + 20):
            x: dict[str, Any] = {"a": rng.gauss(0, 1), "b": rng.gauss(0, 1)}
            label: Any = 2.0 * x["a"] - x["b"] if config.task == "regression" else str(int((x["a"] > 0) == (i < 400)))
            examples.append(Example(str(i), i, i, x, label, None, None, 1, None, i))
        found.append(Batch(number, f"{number:x}", Examples.of(examples, config)))
    return found


def line(family: str, more: dict[str, Any]) -> dict[str, Any]:
    spec = {
        "task": "binary",
        "features": {"a": {"type": "numeric"}, "b": {"type": "numeric"}},
        "first_version_after": 200,
        "reference_examples": 100,
        "race": {"min_examples": 50, "max_examples": 5_000, "reset_examples": 100, "alpha": 1e-30},
        **more,
    }
    config = Config.model_validate({"models": {"m": spec}}).models["m"]
    trainer, kept = Trainer("m", config), Kept()
    for batch in batches(config, 600):
        for one in trainer.on_batch(batch):
            if isinstance(one, Promotion):
                made = decided(trainer, one, 1_700_000_000_000)
                publish_promotion(kept, trainer, made, one, Topics("trimtab."), 4, *STANDING)  # type: ignore[arg-type]
    trainer.on_trigger(Trigger("drift", "incident-1"))
    for batch in batches(config, 660)[30:]:
        trainer.on_batch(batch)
    state = encode_state(trainer.state, lambda model: dump(model, admit=config.admit))
    return {
        "family": family,
        "spec": spec,
        "records": kept.records,
        "snapshot": base64.b64encode(kept.data).decode(),
        "checkpoint": base64.b64encode(state).decode(),
        "count": trainer.state.count,
    }


def main(name: str) -> None:
    path = Path(__file__).with_name(f"{name}.jsonl.gz")
    lines = [orjson.dumps(line(family, more)) for family, more in FAMILIES.items()]
    with path.open("xb") as out:
        out.write(gzip.compress(b"\n".join(lines), mtime=0))
    print(path.name, path.stat().st_size, SimpleNamespace(families=len(lines)))


if __name__ == "__main__":
    main(sys.argv[1])
