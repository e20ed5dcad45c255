"""docs/events.md says what the schemas and the code say."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import avro.schema
import pytest
from fastavro.schema import to_parsing_canonical_form

from trimtab import drift
from trimtab.dashboard.views.model import NOT_METRICS, RACES
from trimtab.events import Reason, decode, encode, fingerprint_of, read_schema, schema_names
from trimtab.kafka.topics import TOPICS
from trimtab.performance import ESTIMATED, HIGHER_IS_BETTER
from trimtab.quality import CHECKS
from trimtab.roles.verdicts import COMBINED
from trimtab.roles.window_records import BY_WALL_TIME

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "make_events.py"


def loaded(script: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made() -> ModuleType:
    return loaded(SCRIPT)


def test_the_page_is_fresh() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_stale_page_is_noticed(made: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = tmp_path / "events.md"
    stale.write_text(made.PAGE.read_text(encoding="utf-8").replace("event id", "event name"), encoding="utf-8")
    monkeypatch.setattr(made, "PAGE", stale)
    assert made.main(["--check"]) == 1
    assert made.main([]) == 0
    assert made.main(["--check"]) == 0


def test_every_schema_belongs_to_a_topic(made: ModuleType) -> None:
    used = [name for schemas, *_ in made.TOPIC_FACTS.values() for name in schemas]
    assert sorted(set(used)) == list(schema_names())
    assert list(made.TOPIC_FACTS) == [spec.name for spec in TOPICS]


def test_every_reason_is_explained(made: ModuleType) -> None:
    assert list(made.REASONS) == list(Reason)
    said = next(field["doc"] for field in read_schema("dead_letter")["fields"] if field["name"] == "reason")
    assert all(reason.value in said for reason in Reason)


@pytest.mark.parametrize("name", schema_names())
def test_every_field_is_explained(name: str) -> None:
    assert read_schema(name)["doc"].endswith(".")
    assert [path for path, doc in _docs(read_schema(name)) if not doc] == []


@pytest.mark.parametrize("name", schema_names())
def test_both_avro_libraries_agree(name: str) -> None:
    # The avro package leaves {"type": "long"} where a logical type was stripped; the specification's rule
    # [PRIMITIVES] wants "long", as fastavro writes it. So it is given the canonical form.
    assert avro.schema.parse(json.dumps(read_schema(name))).fullname == f"io.trimtab.{read_schema(name)['name']}"
    parsed = avro.schema.parse(to_parsing_canonical_form(read_schema(name)))
    assert parsed.fingerprint("CRC-64-AVRO") == fingerprint_of(name)


@pytest.mark.parametrize("name", schema_names())
def test_every_example_fits_its_schema(name: str, made: ModuleType) -> None:
    record = made.example(name)
    assert set(decode(name, encode(name, record))) == set(record)


def _docs(kind: Any, path: str = "") -> list[tuple[str, str]]:
    """Every field of every record within a schema, with its doc."""
    if isinstance(kind, list):
        return [found for one in kind for found in _docs(one, path)]
    if not isinstance(kind, dict):
        return []
    out = []
    for field in kind.get("fields", []):
        inner = f"{path}/{field['name']}"
        out += [(inner, field.get("doc", "")), *_docs(field["type"], inner)]
    for part in ("items", "values"):
        out += _docs(kind.get(part), path)
    return out


METRICS = ROOT / "docs" / "make_metrics.py"


@pytest.fixture(scope="module")
def of_metrics() -> ModuleType:
    return loaded(METRICS)


def test_the_page_of_metrics_is_fresh() -> None:
    done = subprocess.run([sys.executable, str(METRICS), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_statistic_is_documented(of_metrics: ModuleType) -> None:
    documented = {*of_metrics.NUMBERS, *of_metrics.LIVE, *of_metrics.FURTHER, *CHECKS, *drift.names()}
    assert {*HIGHER_IS_BETTER, ESTIMATED, *RACES, *BY_WALL_TIME, *NOT_METRICS} <= documented
    assert {drift.AUC, COMBINED, "histogram", "values"} <= documented
    for name in documented:
        assert f"`{name}`" in of_metrics.PAGE.read_text(encoding="utf-8"), name
