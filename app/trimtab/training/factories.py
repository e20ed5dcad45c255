"""Factory functions for what a factory specification cannot say with classes and named arguments alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from river import compose

__all__ = ["mixed_features"]


def mixed_features(*, numeric: Sequence[str], categorical: Sequence[str]) -> compose.TransformerUnion:
    """Numbers standardised and categories one-hot encoded, as the first step of a pipeline.

    River's encoder makes a column of every number and its scaler fails on text, so each must see its own features;
    the classes that part them take positional arguments, which a specification has not. They part by what to
    discard rather than what to select, since selecting fails on an event that lacks a feature.

    Parameters
    ----------
    numeric, categorical
        Names of the features.

    Examples
    --------
    >>> step = mixed_features(numeric=["age"], categorical=["city"])
    >>> step.learn_one({"age": 40.0, "city": "Perth"})
    >>> sorted(step.transform_one({"age": 40.0, "city": "Perth"}))
    ['age', 'city_Perth']
    """
    from river import compose, preprocessing

    return compose.TransformerUnion(
        compose.Pipeline(compose.Discard(*categorical), preprocessing.StandardScaler()),
        compose.Pipeline(compose.Discard(*numeric), preprocessing.OneHotEncoder()),
    )
