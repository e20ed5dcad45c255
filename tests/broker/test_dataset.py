"""Training sets on a real Kafka: exactly what a version learnt, compared, and archived before retention takes it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from confluent_kafka import TopicPartition

from tests.broker.publishing import MODEL
from tests.broker.test_registry_orders import manifests, rows, settings, told, written
from tests.broker.test_verification import NUMBERS
from tests.broker.training import train, write_examples
from trimtab.cli.main import run
from trimtab.config import Config, KafkaConfig
from trimtab.kafka.clients import admin
from trimtab.kafka.topics import Topics, partition_of

pytestmark = pytest.mark.timeout(180)


def trained(kafka: KafkaConfig, versions: int = 3) -> Config:
    race = {"candidates": ["continue"], "min_examples": 20, "max_examples": 120, "alpha": 0.95}
    config = settings(kafka, race=race)
    train(config, MODEL, write_examples(config, MODEL, rows(0, 1_500)), versions)
    return config


def delete_before(config: Config, offset: int) -> None:
    """What retention does."""
    topic = Topics(config.kafka.topic_prefix).examples
    place = TopicPartition(topic, partition_of(MODEL, config.kafka.partitions), offset)
    client = admin(config.kafka)
    for future in client.delete_records([place]).values():
        future.result(timeout=10)


def failed(capsys: pytest.CaptureFixture[str], path: Path, code: int, *words: str) -> str:
    found = run([*words, "--config", str(path)])
    out, err = capsys.readouterr()
    assert (found, out) == (code, ""), (words, found, out, err)
    return str(err)


def verdict(capsys: pytest.CaptureFixture[str], path: Path, version: int, *options: str) -> dict[str, Any]:
    code = run(["verify", f"{MODEL}@{version}", *options, "--json", "--config", str(path)])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == (0 if found["verdict"] == "reproduced" else 1)
    return found


def test_a_training_set_is_exactly_what_was_learnt(
    kafka: KafkaConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = trained(kafka)
    path, made = written(config, tmp_path / "a"), manifests(config)
    newest = max(made)
    one, again, chain = tmp_path / "one", tmp_path / "again", tmp_path / "chain"
    said = told(capsys, path, "dataset", "export", f"{MODEL}@{newest}", "--out", str(one))
    told(capsys, path, "dataset", "export", f"{MODEL}@{newest}", "--out", str(again))
    assert said["examples"] == made[newest]["examples"]["count"]
    names = sorted(file.name for file in one.iterdir())
    assert all((one / name).read_bytes() == (again / name).read_bytes() for name in names)
    table = pq.read_table(one / "examples.parquet").to_pydict()
    sent = {example.id: example for example in rows(0, 1_500)}
    for k, id in enumerate(table["__id__"]):
        example = sent[id]
        assert {name: table[name][k] for name in NUMBERS} == example.features
        assert (table["__label__"][k], table["__learnt_by__"][k]) == (example.label, newest)
    whole = told(capsys, path, "dataset", "export", f"{MODEL}@{newest}", "--out", str(chain), "--from-scratch")
    learnt = pq.read_table(chain / "examples.parquet")["__id__"].to_pylist()
    assert whole["versions"] == [v for v in sorted(made) if v in whole["versions"]]
    assert learnt == [example.id for example in rows(0, len(learnt))]
    out = yaml.safe_load((one / "examples.parquet.dvc").read_text(encoding="utf-8"))["outs"][0]
    data = (one / "examples.parquet").read_bytes()
    assert out == {
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "size": len(data),
        "hash": "md5",
        "path": "examples.parquet",
    }
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine", encoding="utf-8")
    refused = failed(capsys, path, 2, "dataset", "export", f"{MODEL}@{newest}", "--out", str(tmp_path / "other"))
    assert "holds something else" in refused
    assert (tmp_path / "other" / "mine.txt").exists()


def test_two_training_sets_are_compared(kafka: KafkaConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = trained(kafka)
    path, made = written(config, tmp_path / "a"), manifests(config)
    first, last = f"{MODEL}@1", f"{MODEL}@{max(made)}"
    found = told(capsys, path, "dataset", "diff", first, last)
    assert found["rows"] == {"left": made[1]["examples"]["count"], "right": made[max(made)]["examples"]["count"]}
    assert found["time"]["left"]["first_ms"] == rows(0, 1)[0].time_ms
    assert {one["feature"] for one in found["drift"]} == {*NUMBERS, "__label__"}
    assert all(0 <= share <= 1 for shares in found["labels"]["shares"].values() for share in shares.values())
    folder = tmp_path / "folder"
    told(capsys, path, "dataset", "export", first, "--out", str(folder))
    same = told(capsys, path, "dataset", "diff", first, str(folder))
    assert same["offsets"]["overlap"]["examples"] == found["rows"]["left"]
    values = [m["value"] for one in same["drift"] for m in one["statistics"].values()]
    assert values
    assert max(values) == 0
    assert run(["dataset", "diff", first, last, "--config", str(path)]) == 0
    assert "nswprice" in capsys.readouterr().out


def test_an_archive_outlives_retention(kafka: KafkaConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = trained(kafka)
    path, made = written(config, tmp_path / "a"), manifests(config)
    newest, folder = max(made), tmp_path / "archive"
    archive = ("dataset", "archive", MODEL, "--out", str(folder), "--file-bytes", "4000")
    # Killed somewhere in the middle, and run again.
    killed = subprocess.Popen([sys.executable, "-m", "trimtab", *archive, "--config", str(path)])
    while killed.poll() is None and len(list(folder.glob("examples-*"))) < 2:
        time.sleep(0.001)
    killed.kill()
    killed.wait()
    told(capsys, path, *archive)
    assert len(list(folder.glob("examples-*"))) > 3
    assert told(capsys, path, *archive)["files"] == []
    # The middle of the newest version's records: some come from Kafka, some from the archive.
    named = made[newest]["examples"]
    delete_before(config, (named["first_offset"] + named["last_offset"]) // 2)
    assert verdict(capsys, path, newest)["verdict"] == "not_rebuildable"
    assert verdict(capsys, path, newest, "--archive", str(folder))["verdict"] == "reproduced"
    assert verdict(capsys, path, newest, "--archive", str(folder), "--from-scratch")["verdict"] == "reproduced"
    out = tmp_path / "out"
    assert "gone" in failed(capsys, path, 3, "dataset", "export", f"{MODEL}@{newest}", "--out", str(out))
    assert not out.exists()
    told(capsys, path, "dataset", "export", f"{MODEL}@{newest}", "--out", str(out), "--archive", str(folder))
    delete_before(config, named["last_offset"] + 1)
    assert verdict(capsys, path, newest, "--archive", str(folder))["verdict"] == "reproduced"
    [file] = [
        one
        for one in json.loads((folder / "archive.json").read_bytes())["files"]
        if one["first_offset"] <= named["first_offset"] <= one["last_offset"]
    ]
    data = bytearray((folder / file["file"]).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / file["file"]).write_bytes(data)
    found = verdict(capsys, path, newest, "--archive", str(folder))
    assert found["verdict"] == "differs"
    assert file["file"] in found["first_difference"]
