"""The configuration's fingerprint: the same for the same settings, another for others."""

from __future__ import annotations

import pytest

from trimtab.config import ModelConfig, config_hash, parse_config

BASE = """
models:
  m:
    task: binary
    features:
      a: {type: numeric, min: 0, max: 1}
      b: {type: categorical, values: [x, y]}
    window: {size: 7d}
    factory: {class: "p.q:C", args: {rate: 1e-3, layers: [1, 2], inner: {class: "p.q:D"}}}
"""


def model(text: str) -> ModelConfig:
    return parse_config(text, source="t.yaml", environ={}).models["m"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("7d", "604800000"),
        ("7d", "1w"),
        ("min: 0, max: 1", "max: 1.0, min: 0.0"),
        ("rate: 1e-3", "rate: 0.001"),
        ("window: {size: 7d}", "window: {size: 7d, lateness: 0s}"),
    ],
)
def test_spelling_does_not_count(old: str, new: str) -> None:
    assert config_hash(model(BASE.replace(old, new))) == config_hash(model(BASE))


@pytest.mark.parametrize(
    ("old", "new"),
    [("7d", "8d"), ("[x, y]", "[y, x]"), ("layers: [1, 2]", "layers: [2, 1]"), ("p.q:D", "p.q:E")],
)
def test_meaning_counts(old: str, new: str) -> None:
    assert config_hash(model(BASE.replace(old, new))) != config_hash(model(BASE))


def test_is_sha256_in_hex() -> None:
    digest = config_hash(model(BASE))
    assert len(digest) == 64
    assert int(digest, 16) >= 0
