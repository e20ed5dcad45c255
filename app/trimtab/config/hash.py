"""The fingerprint of a model's configuration, which every registered version names in its lineage."""

from __future__ import annotations

import hashlib
import json

from trimtab.config.model import ModelConfig

__all__ = ["config_hash", "config_json"]


def config_json(model: ModelConfig) -> str:
    """Canonical JSON of every setting, the defaults included; ``ModelConfig.model_validate_json`` reads it."""
    settings = model.model_dump(mode="json", by_alias=True)
    return json.dumps(settings, sort_keys=True, separators=(",", ":"), allow_nan=False)


def config_hash(model: ModelConfig) -> str:
    """SHA-256, in hex, of the canonical JSON of every setting, the defaults included.

    Defaults count, so that a default which changes in a later release changes the hash as well. Spelling does
    not: ``7d`` and ``604800000``, ``1`` and ``1.0``, and any order of keys give the same hash.

    Examples
    --------
    >>> from trimtab.config import FactorySpec, ModelConfig, NumericFeature
    >>> factory = FactorySpec.model_validate({"class": "river.linear_model:LinearRegression"})
    >>> model = ModelConfig(task="regression", features={"x": NumericFeature()}, factory=factory)
    >>> len(config_hash(model)), config_hash(model) == config_hash(model.model_copy())
    (64, True)
    """
    return hashlib.sha256(config_json(model).encode("ascii")).hexdigest()
