"""A version as MLflow loads it, by MLflow itself, and back."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import yaml
from river import compose, linear_model, preprocessing

from trimtab.config import ModelConfig, config_json
from trimtab.errors import RegistryError
from trimtab.interop.mlflow import read_mlflow, write_mlflow
from trimtab.registry import state_digest
from trimtab.registry.records import manifest_sha256
from trimtab.registry.snapshot import FORMAT_VERSION, MAGIC, dump, load

CONFIG = ModelConfig.model_validate(
    {
        "task": "binary",
        "features": {"x": {"type": "numeric"}, "c": {"type": "categorical"}},
        "factory": {"class": "river.linear_model:LogisticRegression"},
    }
)


def trained() -> Any:
    numbers = compose.SelectType(float) | preprocessing.StandardScaler()
    model = (numbers + (compose.SelectType(str) | preprocessing.OneHotEncoder())) | linear_model.LogisticRegression()
    for number in range(200):
        model.learn_one({"x": float(number % 7), "c": "ab"[number % 2]}, number % 7 > 3)
    return model


def version(data: bytes, **other: Any) -> dict[str, Any]:
    manifest = {
        "model": "credit",
        "version": 7,
        "config": config_json(CONFIG),
        "environment": {"python": "3.12.1", "river": "0.26.1", "numpy": "2.4.0", "trimtab": "0.1.0"},
        "state_digest": "",
        "snapshot": {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "chunks": []},
        "created_ms": 1_767_571_200_000,
        **other,
    }
    return manifest | {"manifest_sha256": manifest_sha256(manifest)}


def test_mlflow_predicts_what_the_model_predicts(tmp_path: Path) -> None:
    pyfunc = pytest.importorskip("mlflow.pyfunc")
    pandas = pytest.importorskip("pandas")
    model = trained()
    data = dump(model)
    write_mlflow(tmp_path / "model", version(data), data)
    loaded = pyfunc.load_model(str(tmp_path / "model"))
    rows: list[dict[str, Any]] = [
        {"x": 0.0, "c": "a"},
        {"x": 6.0, "c": "b"},
        {"x": None, "c": "new"},
        {"x": 3.5, "c": None},
    ]
    found = loaded.predict(pandas.DataFrame(rows))
    given = [{name: value for name, value in row.items() if value is not None} for row in rows]
    assert found["score"].tolist() == [model.predict_proba_one(row)[True] for row in given]
    assert found["value"].tolist() == ["1" if model.predict_one(row) else "0" for row in given]


def test_there_and_back(tmp_path: Path) -> None:
    data = dump(trained())
    manifest = version(data)
    write_mlflow(tmp_path / "one", manifest, data)
    write_mlflow(tmp_path / "two", manifest, data)
    assert read_mlflow(tmp_path / "one", 1_000_000) == (manifest, data)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files)
    assert state_digest(load(data, max_bytes=1_000_000)) == state_digest(trained())
    described = yaml.safe_load((tmp_path / "one" / "MLmodel").read_text(encoding="utf-8"))
    inputs = {column["name"]: column for column in json.loads(described["signature"]["inputs"])}
    assert inputs["c"] == {"type": "string", "name": "c", "required": False}
    with pytest.raises(RegistryError, match="it exists"):
        write_mlflow(tmp_path / "one", manifest, data)


@pytest.mark.parametrize("file", ["snapshot.trimtab", "manifest.json"])
def test_what_was_changed_is_refused(tmp_path: Path, file: str) -> None:
    data = dump(trained())
    write_mlflow(tmp_path / "model", version(data), data)
    path = tmp_path / "model" / "trimtab" / file
    # In the manifest, the version's number; in the snapshot, whatever its last byte is.
    found = path.read_bytes()
    changed = found.replace(b": 7", b": 8", 1) if file.endswith(".json") else found[:-1] + bytes([found[-1] ^ 1])
    path.write_bytes(changed)
    with pytest.raises(RegistryError, match="SHA-256"):
        read_mlflow(tmp_path / "model", 1_000_000)
    path.unlink()
    with pytest.raises(RegistryError, match="no MLflow model that trimtab wrote"):
        read_mlflow(tmp_path / "model", 1_000_000)


def test_a_pickle_in_it_does_not_run(tmp_path: Path) -> None:
    pyfunc = pytest.importorskip("mlflow.pyfunc")

    class Evil:
        def __reduce__(self) -> Any:
            return (exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",))

    data = MAGIC + FORMAT_VERSION.to_bytes(2, "big") + pickle.dumps(Evil())
    write_mlflow(tmp_path / "model", version(data), data)
    with pytest.raises(RegistryError, match="exec"):
        pyfunc.load_model(str(tmp_path / "model"))
    assert not (tmp_path / "ran").exists()


def test_too_large_and_too_old(tmp_path: Path) -> None:
    data = dump(trained())
    write_mlflow(tmp_path / "model", version(data), data)
    with pytest.raises(RegistryError, match="more than the cap of 10"):
        read_mlflow(tmp_path / "model", 10)
    with pytest.raises(RegistryError, match="does not hold the configuration"):
        write_mlflow(tmp_path / "old", version(data, config=""), data)
