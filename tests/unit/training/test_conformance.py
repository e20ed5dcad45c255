"""What `trimtab check` finds in a model, and what a trainer says of one that fails."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from trimtab.config import ModelConfig
from trimtab.errors import RegistryError, TrimtabError
from trimtab.training.conformance import try_model
from trimtab.training.factory import FactoryError

FEATURES = {"age": {"type": "numeric", "min": 0, "max": 120}, "city": {"type": "categorical"}}
MIXED = {"function": "trimtab.training.factories:mixed_features", "args": {"numeric": ["age"], "categorical": ["city"]}}
CALLS = itertools.count()


def config(factory: dict[str, Any], **other: Any) -> ModelConfig:
    return ModelConfig.model_validate({"task": "binary", "features": FEATURES, "factory": factory, **other})


class Counting:
    """Learns another thing each time that it is made."""

    def __init__(self) -> None:
        self.start = next(CALLS)

    def learn_one(self, x: Any, y: Any) -> None:
        """Nothing."""

    def predict_one(self, x: Any) -> bool:
        """Always."""
        return True


class Whole:
    """Cannot do without a feature."""

    def learn_one(self, x: Any, y: Any) -> None:
        """Nothing."""
        x["city"]

    def predict_one(self, x: Any) -> bool:
        """By a feature."""
        return bool(x["age"] > 3)


@pytest.mark.parametrize(
    ("factory", "other"),
    [
        ({"pipeline": [MIXED, {"class": "river.linear_model:LogisticRegression"}]}, {}),
        ({"class": "river.tree:HoeffdingTreeClassifier"}, {"task": "multiclass", "classes": ["a", "b", "c"]}),
        ({"pipeline": [MIXED, {"class": "river.linear_model:LinearRegression"}]}, {"task": "regression"}),
        ({"class": "river.forest:ARFClassifier", "args": {"n_models": 3}}, {}),
        ({"class": "river.naive_bayes:GaussianNB"}, {"features": {"age": {"type": "numeric"}}}),
    ],
)
def test_what_fits(factory: dict[str, Any], other: dict[str, Any]) -> None:
    try_model(config(factory, **other))


@pytest.mark.parametrize(
    ("factory", "kind", "said"),
    [
        (
            {"class": "river.linear_model:LogisticRegression"},
            FactoryError,
            r"fails on \{age: float, city: str\}",
        ),
        ({"class": "river.linear_model:Nope"}, FactoryError, "Nope"),
        ({"class": f"{__name__}:Whole"}, FactoryError, r"fails on \{.*KeyError.* missing"),
        ({"class": f"{__name__}:Counting"}, FactoryError, "learnt the same differ"),
    ],
)
def test_what_does_not(factory: dict[str, Any], kind: type[TrimtabError], said: str) -> None:
    with pytest.raises(kind, match=said):
        try_model(config(factory))


def test_a_class_that_is_not_admitted_is_found() -> None:
    class_ = f"{__name__}:Plain"
    with pytest.raises(RegistryError, match="Plain"):
        try_model(config({"class": class_}))
    try_model(config({"class": class_}, admit=[class_]))


class Plain:
    """A user's class without state."""

    def learn_one(self, x: Any, y: Any) -> None:
        """Nothing."""

    def predict_one(self, x: Any) -> bool:
        """Always."""
        return True
