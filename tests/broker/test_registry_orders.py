"""Orders about versions on a real Kafka: what is learnt afterwards verifies, and versions travel between clusters."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from msgspec.structs import replace

from tests.broker.publishing import MODEL
from tests.broker.running import Results, running
from tests.broker.test_verification import FAMILIES, configured, elec2, registry
from tests.broker.training import order, train, write_examples
from trimtab import ModelFollower
from trimtab.cli.main import run
from trimtab.config import Config, KafkaConfig
from trimtab.kafka.clients import admin, producer
from trimtab.kafka.reading import read_topics
from trimtab.kafka.tables import read_table
from trimtab.kafka.topics import TOPICS, Topics, create_topics
from trimtab.registry import SnapshotRef, load, state_digest
from trimtab.registry.fetch import ChunkReader
from trimtab.registry.records import INDEX_PARTITION, chunk_partition, inline_bytes, version_key
from trimtab.training import Appointment, Note, Registration, Rollback
from trimtab.verification import verify

pytestmark = pytest.mark.timeout(180)


def settings(kafka: KafkaConfig, mode: str = "frozen", **changes: Any) -> Config:
    return configured(kafka, mode, **FAMILIES["logistic"], **changes)


def rows(first: int, last: int) -> list[Any]:
    """Elec2 twice over, in order of time."""
    stream = elec2("binary")
    again = [replace(one, time_ms=one.time_ms + len(stream) * 1_000) for one in stream]
    return [*stream, *again][first:last]


def manifests(config: Config) -> dict[int, dict[str, Any]]:
    with registry(config) as index:
        return {int(one["version"]): dict(one) for one in index.versions(MODEL)}


def verdict(config: Config, version: int, *, from_scratch: bool = False) -> tuple[str, str | None]:
    with registry(config) as index:
        found = verify(config, index, MODEL, version, from_scratch=from_scratch)
    return found.verdict, found.first_difference


def reproduced(config: Config, versions: Iterable[int], *, from_scratch: bool = False) -> bool:
    with registry(config) as index:
        found = [verify(config, index, MODEL, version, from_scratch=from_scratch) for version in versions]
    return {(one.verdict, one.first_difference) for one in found} == {("reproduced", None)}


def test_a_version_made_after_a_promote_is_reproduced(kafka: KafkaConfig) -> None:
    race = {"candidates": ["continue"], "min_examples": 20, "max_examples": 120, "alpha": 0.95}
    config = settings(kafka, race=race, probation={"enabled": False, "keep": 2})
    train(config, MODEL, write_examples(config, MODEL, rows(0, 1_500)), 4)
    before = max(manifests(config))
    assert before >= 3
    # Version 1 is no longer in the trainer's state; the registry has it.
    assert [type(one) for one in order(config, MODEL, "promote", 1)] == [Appointment]
    with registry(config) as index:
        alias = dict(index.champion(MODEL) or {})
    assert (alias["version"], alias["reason"]) == (1, "promotion")
    assert alias["manifest_sha256"] == manifests(config)[1]["manifest_sha256"]
    train(config, MODEL, write_examples(config, MODEL, rows(1_500, 3_400), seed=1), before + 2, seed=1)
    after = {version: one for version, one in manifests(config).items() if version > before}
    first = min(after)
    assert (first, after[first]["parent"]) == (before + 1, 1)
    # Its examples begin where it continued, not where version 1 ended.
    assert after[first]["examples"]["first_offset"] > manifests(config)[before]["examples"]["last_offset"]
    assert reproduced(config, after)
    assert reproduced(config, [max(after)], from_scratch=True)


def test_an_online_champion_by_order_learns_on_from_its_snapshot(kafka: KafkaConfig) -> None:
    config = settings(kafka, "online", probation={"enabled": False, "keep": 1})
    train(config, MODEL, write_examples(config, MODEL, rows(0, 1_500)), 3)
    assert max(manifests(config)) > 1
    assert [type(one) for one in order(config, MODEL, "rollback", 1)] == [Rollback]
    found = manifests(config)[1]
    with registry(config, serving=MODEL) as index:
        online = dict(index.online(MODEL) or {})
    assert online["version"] == 1
    assert online["learnt_offset"] > found["examples"]["last_offset"]
    data = inline_bytes(online["snapshot"])
    assert data is not None
    assert state_digest(load(data, max_bytes=100_000)) == found["state_digest"]
    with ModelFollower(MODEL, config) as follower:
        assert follower.wait_for_model(10)
        assert follower.served is not None
        assert follower.served.name == f"{MODEL}@1+{online['learnt_offset']}"


def test_what_cannot_be_loaded_is_refused_and_the_champion_stays(kafka: KafkaConfig) -> None:
    config = settings(kafka)
    train(config, MODEL, write_examples(config, MODEL, rows(0, 1_500)), 3)
    whole, champion = manifests(config), max(manifests(config))
    topics = Topics(kafka.topic_prefix)
    sender = producer(kafka, "test")
    for changes, said in [
        ({"trigger": "drift"}, "does not have its SHA-256"),
        ({"manifest_sha256": "", "snapshot": whole[1]["snapshot"] | {"sha256": "0" * 64}}, "the bytes are damaged"),
        ({"manifest_sha256": "", "state_digest": "0" * 64}, "its state's digest is not the one in its manifest"),
        ({"manifest_sha256": "", "config": json.dumps({"task": "regression"})}, "it is for task 'regression'"),
        ({"version": 2}, "its manifest is of credit@2"),
    ]:
        value = orjson.dumps(whole[1] | changes)
        sender.produce(topics.registry, value, version_key(MODEL, 1).encode(), INDEX_PARTITION)
        assert sender.flush(10) == 0
        (note,) = order(config, MODEL, "promote", 1)
        assert isinstance(note, Note)
        assert said in str(note.details["reason"])
    entries = Results(config).json(topics.audit)
    assert [entry["action"] for entry in entries[-5:]] == ["refused"] * 5
    assert {(entry["actor"], entry["version"], entry["details"]["command"]) for entry in entries[-5:]} == {
        ("ann", 1, "promote")
    }
    with registry(config) as index:
        assert (index.champion(MODEL) or {})["version"] == champion


def chunk_keys_left(config: Config) -> set[str]:
    table = read_table(config.kafka, Topics(config.kafka.topic_prefix).registry, chunk_partition(MODEL, 3))
    return {key for key in table if "/chunks/" in key}


def test_retention_leaves_what_is_needed_and_takes_the_rest_whole(kafka: KafkaConfig) -> None:
    keeping: dict[str, Any] = {
        "retention": {"keep_last": 2, "keep_champions": False},
        "probation": {"enabled": False, "keep": 1},
    }
    config = settings(kafka, **keeping)
    last = write_examples(config, MODEL, rows(0, 3_000))
    train(config, MODEL, last, 1)
    order(config, MODEL, "pin", 1)
    train(config, MODEL, last, 6)
    made = manifests(config)
    highest = max(made)
    entries = [e for e in Results(config).json(Topics(kafka.topic_prefix).audit) if e["action"] == "versions_deleted"]
    assert entries
    assert {entry["trigger"] for entry in entries} == {"retention"}
    assert 1 in made
    assert {highest, highest - 1} <= made.keys()
    assert len(made) < highest
    assert chunk_keys_left(config) == {f"{MODEL}/chunks/{version}/0" for version in made}
    with registry(config) as index:
        assert [version for version in range(1, highest + 1) if index.reference(MODEL, version)] == sorted(made)
        assert index.pinned(MODEL) == {1}
    # What is kept by a rule of its own has its parent.
    assert reproduced(config, [1, highest - 1, highest])


def told(capsys: pytest.CaptureFixture[str], path: Path, *words: str, code: int = 0) -> Any:
    found = run([*words, "--json", "--config", str(path)])
    out, err = capsys.readouterr()
    assert found == code, (words, out, err)
    return json.loads(out)


def failed(capsys: pytest.CaptureFixture[str], path: Path, *words: str) -> str:
    code = run([*words, "--config", str(path)])
    out, err = capsys.readouterr()
    assert (code, out) == (5, ""), (words, code, out, err)
    assert err.count("\n") == 1
    return err


@contextmanager
def another(kafka: KafkaConfig) -> Iterator[KafkaConfig]:
    """Another cluster's topics, as far as a prefix can be one."""
    config = kafka.model_copy(update={"topic_prefix": f"t{uuid.uuid4().hex[:10]}."})
    client = admin(config)
    create_topics(client, config)
    yield config
    for future in client.delete_topics([config.topic_prefix + spec.name for spec in TOPICS]).values():
        future.exception(timeout=10)


def written(config: Config, folder: Path) -> Path:
    folder.mkdir()
    path = folder / "trimtab.yaml"
    path.write_text(yaml.safe_dump(config.model_dump(mode="json", by_alias=True)), encoding="utf-8")
    return path


def test_the_commands_reach_a_running_trainer(
    kafka: KafkaConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = settings(kafka, probation={"enabled": False, "keep": 1})
    train(config, MODEL, write_examples(config, MODEL, rows(0, 1_500)), 4)
    newest = max(manifests(config))
    path, wait = written(config, tmp_path / "a"), ("--wait", "30")
    with running(path, ["trainer"]):
        done = told(capsys, path, "registry", "pin", f"{MODEL}@1", "--actor", "ann", "--reason", "audit", *wait)
        assert (done["outcome"], done["version"], done["actor"]) == ("pinned", 1, "ann")
        assert "it is pinned" in failed(capsys, path, "registry", "delete", f"{MODEL}@1", *wait)
        done = told(capsys, path, "registry", "delete", f"{MODEL}@{newest}", *wait, code=5)
        assert (done["outcome"], done["details"]["reason"]) == ("refused", "it is the champion")
        listed = told(capsys, path, "registry", "list")["versions"]
        assert {row["version"] for row in listed if row["pinned"]} == {1}
        assert told(capsys, path, "registry", "show", f"{MODEL}@1")["pinned"] is True
        done = told(capsys, path, "registry", "promote", f"{MODEL}@1", "--reason", "complaints", *wait)
        assert (done["outcome"], done["details"]["replaced"], done["details"]["why"]) == (
            "promoted",
            newest,
            "complaints",
        )
        assert "already" in failed(capsys, path, "registry", "promote", f"{MODEL}@1", *wait)
        done = told(capsys, path, "rollback", MODEL, "--to", "2", *wait)
        assert (done["outcome"], done["version"]) == ("rolled_back", 2)
        assert told(capsys, path, "registry", "unpin", f"{MODEL}@1", *wait)["outcome"] == "unpinned"
        code = run(["registry", "delete", f"{MODEL}@1", *wait, "--config", str(path)])
        assert (code, capsys.readouterr().out) == (0, f"{MODEL}@1: versions_deleted.\n")
    assert 1 not in manifests(config)
    assert f"{MODEL}/chunks/1/0" not in chunk_keys_left(config)
    listed = told(capsys, path, "registry", "list")["versions"]
    assert {row["version"]: row["status"] for row in listed}[2] == "champion"


def test_versions_travel_to_another_cluster(
    kafka: KafkaConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    race = {"candidates": ["continue"], "min_examples": 20, "max_examples": 120, "alpha": 0.95}
    here = settings(kafka, race=race, probation={"enabled": False})
    train(here, MODEL, write_examples(here, MODEL, rows(0, 1_500)), 3)
    newest = max(manifests(here))
    path, file = written(here, tmp_path / "a"), tmp_path / "credit.zip"
    wait = ("--wait", "30")
    made = told(capsys, path, "registry", "export", f"{MODEL}@{newest}", "--out", str(file), "--chain")
    assert made["versions"][-1] == newest
    assert made["size_bytes"] == file.stat().st_size
    folder = tmp_path / "mlflow"
    told(capsys, path, "registry", "export", f"{MODEL}@{newest}", "--out", str(folder), "--mlflow")
    with another(kafka) as elsewhere:
        there = settings(elsewhere, race=race, probation={"enabled": False})
        path = written(there, tmp_path / "b")
        with running(path, ["trainer"]):
            done = told(capsys, path, "registry", "import", str(file), "--actor", "bob", *wait)
            assert (done["outcome"], done["details"]["from"]) == ("registered", f"{MODEL}@{newest}")
            assert (done["actor"], done["details"]["file_sha256"]) == ("bob", made["sha256"])
            said = failed(capsys, path, "registry", "import", str(file), *wait)
            assert f"import with --version {newest + len(made['versions'])}, or higher" in said
            told(capsys, path, "registry", "import", str(file), "--version", "41", *wait)
            told(capsys, path, "registry", "import", str(folder), "--version", "30", *wait)
            listed = told(capsys, path, "registry", "list")["versions"]
            assert {row["status"] for row in listed} == {"registered"}
            assert max(row["version"] for row in listed) == 41
            told(capsys, path, "registry", "promote", f"{MODEL}@{newest}", *wait)
        found = manifests(there)
        assert found[newest]["state_digest"] == manifests(here)[newest]["state_digest"]
        assert found[30]["state_digest"] == found[newest]["state_digest"]
        assert json.loads(found[41]["imported"]["record"]) == manifests(here)[newest]
        assert found[41]["parent"] == (None if len(made["versions"]) == 1 else 40)
        word, why = verdict(there, 41)
        assert word == "not_rebuildable"
        assert why is not None
        assert why.startswith(f"{MODEL}@41 was imported: it is {MODEL}@{newest} of another registry")
        # Versions made here go on from it, under numbers of their own.
        train(there, MODEL, write_examples(there, MODEL, rows(1_500, 3_400), seed=1), 43, seed=1)
        made_here = [version for version in manifests(there) if version > 41]
        assert made_here[0] == 42
        assert manifests(there)[42]["parent"] == newest
        assert reproduced(there, made_here)
        assert verdict(there, 42, from_scratch=True)[0] == "not_rebuildable"
        keys = read_table(elsewhere, Topics(elsewhere.topic_prefix).registry, INDEX_PARTITION)
        assert not [key for key in keys if "/imports/" in key]
        with ModelFollower(MODEL, there) as follower:
            assert follower.wait_for_model(10)


def test_an_import_that_comes_too_late_leaves_nothing(kafka: KafkaConfig, tmp_path: Path) -> None:
    """The number was given out between the importer's look and the trainer's turn."""
    from trimtab.cli.orders import ordered
    from trimtab.registry.carry import arrivals, export
    from trimtab.registry.portable import open_export
    from trimtab.registry.signing import Trust
    from trimtab.registry.staging import stage

    config, file = settings(kafka), tmp_path / "credit.zip"
    train(config, MODEL, write_examples(config, MODEL, rows(0, 1_500)), 2)
    reader = ChunkReader(kafka, "test")
    with registry(config) as index:
        export(file, MODEL, 1, record=index.record, pieces=reader.pieces)
    before, left = manifests(config), chunk_keys_left(config)
    with open_export(file, 1_000_000) as opened:
        found = arrivals(opened, config.models[MODEL], Trust.of(config))
        one = ordered(config, "import", MODEL, 1, "bob", "")
        source = {"actor": "bob", "time_ms": 1, "file": "credit.zip", "file_sha256": opened.sha256}
        stage(config, MODEL, found, opened.snapshot, order=one, imported=source)
    assert chunk_keys_left(config) == left | {f"{MODEL}/chunks/{one['id']}-1/0"}
    (done,) = order(config, MODEL, "import", 1, one["id"])
    assert isinstance(done, Registration)
    assert "has had version 1 already" in done.refused
    assert manifests(config) == before
    assert chunk_keys_left(config) == left
    commands = [orjson.loads(m.value()) for m in read_topics(kafka, [Topics(kafka.topic_prefix).commands])]
    assert commands == [one]
    assert reader.read(SnapshotRef.from_wire(before[1]["snapshot"]))
    reader.close()
