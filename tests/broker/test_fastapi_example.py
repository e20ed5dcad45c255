"""docs/examples/fastapi_service.py, with real requests and a real Kafka."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import orjson
import pytest
import yaml
from fastapi.testclient import TestClient

from tests.broker.publishing import MODEL, Trainer, trained
from trimtab.config import KafkaConfig
from trimtab.kafka.reading import read_topics
from trimtab.kafka.topics import Topics

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "fastapi_service.py"


@pytest.fixture
def service(kafka: KafkaConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    model = {
        "task": "binary",
        "features": {"x": {"type": "numeric"}},
        "factory": {"class": "river.linear_model:LogisticRegression"},
    }
    where = {
        "bootstrap_servers": kafka.bootstrap_servers,
        "topic_prefix": kafka.topic_prefix,
        "partitions": kafka.partitions,
    }
    path = tmp_path / "trimtab.yaml"
    path.write_text(yaml.safe_dump({"kafka": where, "models": {MODEL: model}}), encoding="utf-8")
    monkeypatch.setenv("TRIMTAB_CONFIG", str(path))
    spec = importlib.util.spec_from_file_location("fastapi_service", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # FastAPI looks up what annotations name.
    monkeypatch.setitem(sys.modules, "fastapi_service", module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.timeout(60)
def test_the_example_serves(kafka: KafkaConfig, service: ModuleType) -> None:
    with TestClient(service.app) as client:
        asked = {"customer": "ann", "features": {"x": 1.0}}
        assert client.post("/predict", json=asked).status_code == 503
        assert client.get("/health").json()["model"] is None
        Trainer(kafka).version(1, trained(True))
        assert service.app.state.model.wait_for_model(10)
        answer = client.post("/predict", json=asked).json()
        assert (answer["prediction"], answer["model"], answer["stale"]) == ("1", "credit@1", False)
        wrong = client.post("/predict", json={"customer": "ann", "features": {"x": "text"}})
        assert wrong.status_code == 422
        assert "x" in wrong.json()["detail"]
        assert client.post("/outcome", json={"id": answer["id"], "label": "1"}).status_code == 202
    topics = Topics(kafka.topic_prefix)
    [sent] = [orjson.loads(m.value() or b"") for m in read_topics(kafka, [topics.predictions])]
    assert (sent["id"], sent["version"]) == (answer["id"], "credit@1")
    [label] = [orjson.loads(m.value() or b"") for m in read_topics(kafka, [topics.labels])]
    assert label["id"] == answer["id"]
