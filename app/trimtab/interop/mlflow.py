"""A version as an MLflow model, and back: ``pip install trimtab[mlflow]`` to load one, nothing to write one.

MLflow loads the folder with ``mlflow.pyfunc.load_model``, by :func:`_load_pyfunc` here: nothing of it is a pickle that
runs. The bytes are checked against the manifest, and the model goes through the same allow-list as in a service::

    MLmodel, requirements.txt, python_env.yaml
    trimtab/manifest.json      the registry's record of the version
    trimtab/snapshot.trimtab   its bytes
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from trimtab.config import ModelConfig
from trimtab.errors import RegistryError
from trimtab.events import EventError, canonical_features
from trimtab.registry.portable import Portable, write_export
from trimtab.registry.records import manifest_sha256
from trimtab.registry.snapshot import FORMAT_VERSION, load
from trimtab.training.lineage import model_input
from trimtab.training.task import make_task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MlflowModel", "mlflow_as_export", "read_mlflow", "write_mlflow"]

LOADER: Final = "trimtab.interop.mlflow"
_DATA: Final = "trimtab"
_SNAPSHOT: Final = "snapshot.trimtab"
_MANIFEST: Final = "manifest.json"


def write_mlflow(folder: Path, manifest: Mapping[str, Any], data: bytes) -> None:
    """Write a version as an MLflow model; the same version gives the same files.

    Parameters
    ----------
    folder
        Made here; it must not exist.
    manifest, data
        The registry's record of the version, and its snapshot.

    Raises
    ------
    RegistryError
        The bytes are not those of the manifest, the manifest is of a release that did not record the configuration, or
        the folder exists.
    """
    _require_same(manifest, data)
    config = _config_of(manifest)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        (temporary / _DATA).mkdir(parents=True)
        (temporary / _DATA / _SNAPSHOT).write_bytes(data)
        (temporary / _DATA / _MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True), encoding="utf-8")
        for name, content in _texts(manifest, config).items():
            (temporary / name).write_text(content, encoding="utf-8")
        if folder.exists():
            raise RegistryError(f"{folder}: it exists; name a folder that does not")
        temporary.rename(folder)
    except OSError as error:
        raise RegistryError(f"{folder}: cannot be written: {error}") from error


def read_mlflow(folder: Path, max_bytes: int) -> tuple[dict[str, Any], bytes]:
    """Manifest and snapshot of a folder that :func:`write_mlflow` wrote; nothing of it is loaded.

    Raises
    ------
    RegistryError
        It is no such folder, it is larger than ``max_bytes``, or its bytes are not those of its manifest.
    """
    try:
        manifest = json.loads((folder / _DATA / _MANIFEST).read_text(encoding="utf-8"))
        path = folder / _DATA / _SNAPSHOT
        if path.stat().st_size > max_bytes:
            raise RegistryError(f"{path}: {path.stat().st_size} bytes are more than the cap of {max_bytes}")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise RegistryError(f"{folder}: it is no MLflow model that trimtab wrote: {error}") from error
    if not isinstance(manifest, dict):
        raise RegistryError(f"{folder}: its manifest is no JSON object")
    _require_same(manifest, data)
    return manifest, data


def mlflow_as_export(folder: Path, path: Path, max_bytes: int) -> None:
    """Write what ``trimtab registry export`` writes, of a folder that :func:`write_mlflow` wrote.

    Raises
    ------
    RegistryError
        As :func:`read_mlflow`.
    """
    manifest, data = read_mlflow(folder, max_bytes)
    try:
        write_export(path, manifest["model"], manifest["version"], [Portable(manifest, None, [data])])
    except (KeyError, TypeError, AttributeError) as error:
        raise RegistryError(f"{folder}: its manifest is damaged ({type(error).__name__}: {error})") from error


class MlflowModel:
    """What ``mlflow.pyfunc.load_model`` returns inside: rows in, ``value`` and ``score`` out."""

    def __init__(self, config: ModelConfig, model: Any) -> None:
        self._config = config
        self._model = model
        self._task = make_task(config.task, classes=config.classes)

    def predict(self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Predict each row of a table whose columns are the features; NaN and None are missing.

        Raises
        ------
        EventError
            A value does not fit its feature, or is infinite; the message names the row.
        """
        import pandas as pd

        answers = [self._answer(number, row) for number, row in enumerate(model_input.to_dict("records"))]
        return pd.DataFrame(answers, columns=["value", "score"], index=model_input.index)

    def _answer(self, number: int, row: Mapping[Any, Any]) -> tuple[Any, float | None]:
        given = {str(name): _plain(value) for name, value in row.items()}
        try:
            answer = self._task.predict(self._model, model_input(canonical_features(given, self._config)))
        except EventError as error:
            raise EventError(error.reason, f"row {number}: {error.detail}") from error
        return answer.value, answer.score


def _load_pyfunc(path: str) -> MlflowModel:
    """MLflow's entry point: ``path`` is the folder ``trimtab`` of the model."""
    folder = Path(path).parent
    manifest, data = read_mlflow(folder, max_bytes=1 << 31)
    config = _config_of(manifest)
    model = load(data, max_bytes=config.gates.max_snapshot_bytes, admit=config.admit)
    return MlflowModel(config, model)


def _plain(value: Any) -> Any:
    """A Python value of NumPy's; None for NaN, which is how tables say that a number is missing."""
    plain = value.item() if hasattr(value, "item") else value
    return None if isinstance(plain, float) and math.isnan(plain) else plain


def _require_same(manifest: Mapping[str, Any], data: bytes) -> None:
    recorded = manifest.get("manifest_sha256")
    if recorded and recorded != manifest_sha256(manifest):
        raise RegistryError("manifest: its SHA-256 is not the one that it says; export the version again")
    wanted = manifest.get("snapshot", {}).get("sha256")
    if hashlib.sha256(data).hexdigest() != wanted:
        raise RegistryError("snapshot: its SHA-256 is not the manifest's; export the version again")


def _config_of(manifest: Mapping[str, Any]) -> ModelConfig:
    text = manifest.get("config")
    if not text:
        raise RegistryError("manifest: it does not hold the configuration, as those of early releases do not")
    return ModelConfig.model_validate_json(text)


def _texts(manifest: Mapping[str, Any], config: ModelConfig) -> dict[str, str]:
    """The files that MLflow reads, by name."""
    environment = manifest["environment"]
    created = datetime.fromtimestamp(manifest["created_ms"] / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    described = {
        "flavors": {
            "python_function": {
                "loader_module": LOADER,
                "data": _DATA,
                "python_version": environment["python"],
                "env": {"virtualenv": "python_env.yaml"},
            },
            "trimtab": {
                "model": manifest["model"],
                "version": manifest["version"],
                "task": config.task,
                "manifest_sha256": manifest["manifest_sha256"],
                "state_digest": manifest["state_digest"],
                "format_version": FORMAT_VERSION,
            },
        },
        "model_uuid": manifest["manifest_sha256"][:32],
        "signature": {"inputs": json.dumps(_inputs(config)), "outputs": json.dumps(_outputs(config)), "params": None},
        "utc_time_created": created,
    }
    needed = [f"{name}=={environment[name]}" for name in ("trimtab", "river", "numpy") if name in environment]
    python = {"python": environment["python"], "dependencies": ["-r requirements.txt"]}
    return {
        "MLmodel": yaml.safe_dump(described, sort_keys=True),
        "python_env.yaml": yaml.safe_dump(python, sort_keys=True),
        "requirements.txt": "\n".join([*needed, "mlflow-skinny", "pandas"]) + "\n",
    }


def _inputs(config: ModelConfig) -> list[dict[str, Any]]:
    kinds = {"numeric": "double", "categorical": "string"}
    return [{"type": kinds[f.type], "name": name, "required": False} for name, f in config.features.items()]


def _outputs(config: ModelConfig) -> list[dict[str, Any]]:
    value = "double" if config.task == "regression" else "string"
    return [
        {"type": value, "name": "value", "required": True},
        {"type": "double", "name": "score", "required": False},
    ]
