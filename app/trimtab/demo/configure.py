"""The configuration of one demo run, made from the one in the package."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from trimtab.errors import ConfigError

__all__ = ["ELEC2_LABEL", "Names", "data_file", "demo_config"]

ELEC2_LABEL = "up"


@dataclass(frozen=True, slots=True)
class Names:
    """Names of the two models of a demo."""

    online: str
    frozen: str


def data_file() -> Path:
    """The Elec2 file in the package."""
    return Path(str(files("trimtab.demo") / "data" / "elec2.csv.gz"))


def demo_config(
    stem: str, features: dict[str, Any], train_rows: int, *, prefix: str, folder: Path
) -> tuple[dict[str, Any], Names]:
    """Settings for two models on one table: ``<stem>_online`` and ``<stem>_frozen``.

    Parameters
    ----------
    stem
        What the models are named after.
    features
        The first row's features: all must be numbers.
    train_rows
        Rows before the first version.
    prefix, folder
        Topic prefix and data folder of this run.
    """
    settings: dict[str, Any] = yaml.safe_load((files("trimtab.demo") / "trimtab-demo.yaml").read_text(encoding="utf-8"))
    text = next((name for name, value in features.items() if isinstance(value, str)), None)
    if text is not None:
        raise ConfigError(f"the demo's model takes numbers, but column {text!r} is text; write a trimtab.yaml for it")
    settings["kafka"]["topic_prefix"] = prefix
    settings["data_dir"] = str(folder)
    names = Names(f"{stem}_online", f"{stem}_frozen")
    models = {}
    for name, model in zip((names.online, names.frozen), settings["models"].values(), strict=True):
        models[name] = model | {
            "features": {feature: {"type": "numeric"} for feature in features},
            "first_version_after": train_rows,
        }
    settings["models"] = models
    return settings, names
