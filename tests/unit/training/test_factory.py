"""Factories make the model that the file describes, or say in one line what is wrong."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from river import compose, ensemble, forest, linear_model, preprocessing, stats, tree

from trimtab.config import FactorySpec
from trimtab.registry.digest import state_digest
from trimtab.registry.snapshot import dump, load
from trimtab.training.factory import SEED, FactoryError, build, default_seed, source_hash

LOGISTIC = {"class": "river.linear_model:LogisticRegression"}
SCALER = {"class": "river.preprocessing:StandardScaler"}


def spec(value: dict[str, Any]) -> FactorySpec:
    return FactorySpec.model_validate(value)


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "shop_factory.py"
    path.write_text(
        "from river import linear_model\n"
        "value = 3\n"
        "def make():\n    return linear_model.LogisticRegression(l2=0.5)\n"
        "def needs(rate):\n    return rate\n"
        "def fails():\n    raise RuntimeError('no\\nroom')\n"
        "def wrong():\n    return 'text'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "shop_factory", raising=False)
    return path


def test_a_class_with_nested_arguments() -> None:
    model = build(
        spec({**LOGISTIC, "args": {"optimizer": {"class": "river.optim:Adam", "args": {"lr": 0.25}}, "l2": 0.5}})
    )
    assert isinstance(model, linear_model.LogisticRegression)
    assert model.optimizer.learning_rate == 0.25
    assert model.l2 == 0.5


def test_a_pipeline() -> None:
    model = build(spec({"pipeline": [SCALER, LOGISTIC]}))
    assert isinstance(model, compose.Pipeline)
    assert [*model.steps] == ["StandardScaler", "LogisticRegression"]
    assert model.predict_one({"x": 1.0}) in (False, True)


def test_lists_and_star_arguments() -> None:
    select = {"class": "river.compose:Select", "args": {"keys": ["a", "b"]}}
    model = build(spec({"pipeline": [select, LOGISTIC]}))
    assert model["Select"].transform_one({"a": 1, "b": 2, "c": 3}) == {"a": 1, "b": 2}
    voting = build(
        spec(
            {
                "class": "river.ensemble:VotingClassifier",
                "args": {"models": [LOGISTIC, {"pipeline": [SCALER, LOGISTIC]}]},
            }
        )
    )
    assert len(voting.models) == 2


def test_a_plain_mapping_stays_a_mapping() -> None:
    rename = {"class": "river.compose:Renamer", "args": {"mapping": {"a": "b"}}}
    model = build(spec({"pipeline": [rename, LOGISTIC]}))
    assert model["Renamer"].transform_one({"a": 1}) == {"b": 1}


def test_every_call_makes_a_new_model() -> None:
    description = spec({**LOGISTIC, "args": {"optimizer": {"class": "river.optim:SGD", "args": {"lr": 0.1}}}})
    one, two = build(description), build(description)
    assert one is not two
    assert one.optimizer is not two.optimizer
    assert state_digest(one) == state_digest(two)


def test_a_function_of_yours(own_module: Path) -> None:
    assert build(spec({"function": "shop_factory:make"})).l2 == 0.5


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"class": "not_here.models:Model"}, "no module named 'not_here'"),
        ({"class": "river.linear_model:Missing"}, "river.linear_model has no 'Missing'"),
        ({**LOGISTIC, "args": {"rate": 1}}, "LogisticRegression: got an unexpected keyword argument 'rate'"),
        ({"class": "river.ensemble:BaggingClassifier"}, "missing a required argument: 'model'"),
        ({"class": "river.stats:Mean"}, "made a Mean, which has no learn_one"),
        ({"class": "river.preprocessing:StandardScaler"}, "made a StandardScaler, which has no predict_one"),
        ({**LOGISTIC, "args": {"optimizer": {"class": "river.optim:Nope"}}}, "river.optim has no 'Nope'"),
        ({**LOGISTIC, "args": {"optimizer": {"class": "river.optim:SGD", "args": {"x": 1}}}}, "SGD: got an unexpected"),
        ({**LOGISTIC, "args": {"optimizer": {"class": "badly named"}}}, "must look like package.module:Name"),
        ({**LOGISTIC, "args": {"optimizer": {"class": "a:b", "rgs": {}}}}, "rgs"),
        ({**LOGISTIC, "args": {"l1": 1.0, "l2": 1.0}}, "failed with NotImplementedError"),
        ({"function": "shop_factory:value"}, "is a int; name a class or a function"),
        ({"function": "shop_factory:needs"}, "missing a required argument: 'rate'"),
        ({"function": "shop_factory:fails"}, "failed with RuntimeError: no room"),
        ({"function": "shop_factory:wrong"}, "made a str, which has no learn_one"),
        ({"pipeline": [LOGISTIC, {"class": "river.linear_model:Nope"}]}, "has no 'Nope'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(value: dict[str, Any], message: str, own_module: Path) -> None:
    with pytest.raises(FactoryError) as refused:
        build(spec(value))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_module_that_fails_at_import_is_named(own_module: Path) -> None:
    (own_module.parent / "shop_broken.py").write_text("raise ValueError('broken')\n")
    with pytest.raises(FactoryError, match="importing shop_broken failed with ValueError: broken"):
        build(spec({"function": "shop_broken:make"}))


def test_the_source_hash_follows_your_file_and_not_the_arguments(own_module: Path) -> None:
    description = spec({"function": "shop_factory:make"})
    before = source_hash(description)
    assert before == source_hash(description)
    own_module.write_text(own_module.read_text() + "# changed\n")
    assert source_hash(description) != before
    plain = source_hash(spec(LOGISTIC))
    assert plain == source_hash(spec({**LOGISTIC, "args": {"l2": 0.5}}))
    assert plain != source_hash(spec({"pipeline": [SCALER, LOGISTIC]}))


def test_the_source_hash_sees_nested_arguments(own_module: Path) -> None:
    bagging = {"class": "river.ensemble:BaggingClassifier", "args": {"model": {"function": "shop_factory:make"}}}
    before = source_hash(spec(bagging))
    own_module.write_text(own_module.read_text() + "# changed\n")
    assert source_hash(spec(bagging)) != before


@pytest.mark.parametrize(
    "model",
    [
        forest.ARFClassifier(n_models=2),
        preprocessing.StandardScaler() | forest.ARFClassifier(n_models=2),
        ensemble.BaggingClassifier(tree.HoeffdingAdaptiveTreeClassifier(), n_models=2),
        ensemble.VotingClassifier([forest.ARFClassifier(n_models=2), linear_model.LogisticRegression()]),
        (compose.Select("x") + preprocessing.StandardScaler()) | forest.ARFClassifier(n_models=2),
    ],
    ids=["forest", "pipeline", "bagging", "voting", "union"],
)
def test_a_default_seed_makes_learning_repeatable(model: Any) -> None:
    seeded = [default_seed(model, 11) for _ in range(2)]
    for one in seeded:
        for index in range(60):
            one.learn_one({"x": index % 7 - 3.0}, index % 2 == 0)
    assert state_digest(seeded[0]) == state_digest(seeded[1])


def test_a_default_seed_changes_nothing_that_has_one() -> None:
    for model in (forest.ARFClassifier(seed=3), linear_model.LogisticRegression(), stats.Mean(), "text"):
        assert default_seed(model, 11) is model


def test_a_seed_left_to_chance_is_set() -> None:
    spec = FactorySpec.model_validate({"class": "river.forest:ARFClassifier", "args": {"n_models": 2}})
    assert build(spec).seed == SEED
    given = FactorySpec.model_validate({"class": "river.forest:ARFClassifier", "args": {"n_models": 2, "seed": 7}})
    assert build(given).seed == 7


def test_what_init_writes_for_numbers_and_texts_learns_and_travels() -> None:
    arguments = {"numeric": ["x"], "categorical": ["c"]}
    step = {"function": "trimtab.training.factories:mixed_features", "args": arguments}
    model = build(spec({"pipeline": [step, LOGISTIC]}))
    for number in range(40):
        model.learn_one({"x": float(number % 2), "c": "ab"[number % 2]}, bool(number % 2))
    again = load(dump(model), max_bytes=1_000_000)
    assert again.predict_proba_one({"x": 1.0, "c": "b"}) == model.predict_proba_one({"x": 1.0, "c": "b"})
    assert model.predict_one({"x": 1.0, "c": "b"}) is True
