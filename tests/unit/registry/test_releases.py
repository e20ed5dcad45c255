"""What earlier releases published is read for ever: manifests, snapshots, and a trainer's checkpoint in mid-race."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.data.releases.make import batches
from trimtab.config import Config, ModelConfig
from trimtab.profiles import Reference
from trimtab.registry import dump, load, state_digest
from trimtab.training import Inventory, Trainer
from trimtab.training.checkpoint import decode_state, encode_state
from trimtab.training.factory import build
from trimtab.training.replay import replay
from trimtab.verification.manifest import Manifest

FOLDER = Path(__file__).parents[2] / "data" / "releases"


def lines() -> Iterator[Any]:
    for path in sorted(FOLDER.glob("*.jsonl.gz")):
        for text in gzip.decompress(path.read_bytes()).splitlines():
            line = orjson.loads(text)
            yield pytest.param(line, id=f"{path.name.removesuffix('.jsonl.gz')}-{line['family']}")


def configured(line: dict[str, Any]) -> ModelConfig:
    return Config.model_validate({"models": {"m": line["spec"]}}).models["m"]


def test_there_is_more_than_one_release() -> None:
    assert len(list(FOLDER.glob("*.jsonl.gz"))) >= 2


@pytest.mark.parametrize("line", list(lines()))
def test_a_version_is_read_and_made_again(line: dict[str, Any]) -> None:
    config, records = configured(line), line["records"]
    manifest = Manifest.of(records["m/versions/1"], config)
    data = base64.b64decode(line["snapshot"])
    model = load(data, max_bytes=len(data))
    assert manifest.snapshot.sha256 == records["m/versions/1"]["snapshot"]["sha256"]
    assert state_digest(model) == manifest.state_digest
    assert load(dump(model), max_bytes=10_000_000) is not model
    assert Reference.from_wire(records["m/references/1"]).id == manifest_reference(records)
    needed = [b for b in batches(config, 600) if b.offset <= max(manifest.learnt.last, manifest.learnt.asked_last)]
    again = replay(manifest.config, build(manifest.factory), manifest.learnt, needed)
    assert state_digest(again.version) == manifest.state_digest
    assert again.seen.sha256 == manifest.learnt.sha256


def manifest_reference(records: dict[str, Any]) -> str:
    return str(records["m/versions/1"]["reference"])


@pytest.mark.parametrize("line", list(lines()))
def test_a_checkpoint_is_read_and_goes_on(line: dict[str, Any]) -> None:
    config, data = configured(line), base64.b64decode(line["checkpoint"])

    def loaded(part: bytes) -> Any:
        return load(part, max_bytes=len(data))

    state = decode_state(data, loaded, lambda next_version: Inventory(dict.fromkeys(range(1, next_version))))
    assert state.count == line["count"]
    assert state.champion is not None
    assert state.race is not None
    assert state.race.trigger.incident == "incident-1"
    trainer, count = Trainer("m", config, state), state.race.count
    for batch in batches(config, 720):
        trainer.on_batch(batch)
    assert trainer.state.count == 720
    assert trainer.state.race is not None
    assert trainer.state.race.count == count + 720 - line["count"]
    assert trainer.state.race.numbers(trainer.state.race.candidates[0])["candidates"] >= 1
    again = decode_state(encode_state(trainer.state, dump), lambda part: load(part, max_bytes=10_000_000))
    assert again.count == 720
