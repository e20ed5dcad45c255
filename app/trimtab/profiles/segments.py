"""Which segments of a model a row belongs to: one for each feature that ``segments`` names."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from trimtab.config import ModelConfig
from trimtab.events.columns import Categories, Column

__all__ = ["others", "segment_rows", "segments_by"]


def segments_by(model: ModelConfig, feature: str, column: Column) -> tuple[list[str], npt.NDArray[np.int32]]:
    """Names of the segments of a feature, and for each row, shape ``(n,)``, the place of its own among them.

    Examples
    --------
    >>> model = ModelConfig.model_validate({
    ...     "task": "binary", "factory": {"class": "a:B"}, "segments": ["colour"],
    ...     "features": {"colour": {"type": "categorical", "values": ["red", "blue"]}},
    ... })
    >>> names, places = segments_by(model, "colour", Categories.of(["blue", "mauve", None, "red"]))
    >>> [names[place] for place in places]
    ['colour=blue', 'colour=(other)', 'colour=(missing)', 'colour=red']
    """
    if not isinstance(column, Categories):
        raise TypeError(f"segments: {feature} is not categorical")
    known = getattr(model.features[feature], "values", ())
    # An open-ended category must not make open-ended windows.
    names = [f"{feature}={value}" for value in (*known, "(other)", "(missing)")]
    place = {value: k for k, value in enumerate(known)}
    other = len(known)
    # The last entry is what -1, missing, picks.
    to = np.array([place.get(value, other) for value in column.names] + [other + 1], np.int32)
    return names, to[column.codes]


def segment_rows(model: ModelConfig, columns: Mapping[str, Column]) -> dict[str, npt.NDArray[np.bool_]]:
    """Which rows, shape ``(n,)``, each segment has; those that have none are left out."""
    found: dict[str, npt.NDArray[np.bool_]] = {}
    for feature in model.segments:
        names, places = segments_by(model, feature, columns[feature])
        found |= {names[place]: places == place for place in np.unique(places).tolist()}
    return found


def others(model: ModelConfig, segment: str) -> list[str]:
    """The features of which something can be said in a segment: all but the one that it is made by.

    Examples
    --------
    >>> model = ModelConfig.model_validate({
    ...     "task": "binary", "factory": {"class": "a:B"}, "segments": ["colour"],
    ...     "features": {"x": {"type": "numeric"}, "colour": {"type": "categorical", "values": ["red"]}},
    ... })
    >>> others(model, "colour=red"), others(model, "")
    (['x'], ['x', 'colour'])
    """
    own = {feature for feature in model.segments if segment.startswith(f"{feature}=")}
    return [feature for feature in model.features if feature not in own]
