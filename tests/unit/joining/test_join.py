"""The join gives the same examples in whatever order the parts come."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.config import FactorySpec, ModelConfig, NumericFeature
from trimtab.events import Decoder, FeatureEvent, LabelEvent, PredictionEvent, Reason
from trimtab.joining import Entry, Expired, Join, Joined, Outcome, Refused, Resolved, Source

FACTORY = FactorySpec.model_validate({"class": "river.linear_model:LogisticRegression"})
MODEL = ModelConfig(task="binary", features={"x": NumericFeature()}, factory=FACTORY)
HORIZON_MS = 1_000


class Memory:
    """A store without a disk."""

    def __init__(self) -> None:
        self.entries: dict[str, tuple[Entry, int]] = {}

    def get(self, event_id: str) -> Entry | None:
        return self.entries[event_id][0] if event_id in self.entries else None

    def put(self, event_id: str, entry: Entry, expires_ms: int) -> None:
        self.entries[event_id] = (entry, expires_ms)

    def take_expired(self, clock_ms: int) -> list[tuple[str, Entry]]:
        gone = [event_id for event_id, (_, expires_ms) in self.entries.items() if expires_ms < clock_ms]
        return [(event_id, self.entries.pop(event_id)[0]) for event_id in gone]


def prediction(event_id: str, model: str = "m", features: Any = None) -> PredictionEvent:
    return PredictionEvent(event_id, model, 1, None, 10, features, "1", 0.5)


def feature(event_id: str, x: object = 2.0) -> FeatureEvent:
    return FeatureEvent(event_id, 10, {"x": x})


def label(event_id: str, model: str | None = None, value: object = 1) -> LabelEvent:
    return LabelEvent(event_id, model, 20, value)


def feed(join: Join, parts: list[Any]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for offset, part in enumerate(parts):
        kind = type(part).__name__.removesuffix("Event").lower()
        outcomes += getattr(join, kind)(part, Source(0, offset, 1_000 + offset))
    return outcomes


def new_join() -> Join:
    return Join(Memory(), Decoder({"m": MODEL, "n": MODEL}, 1_000), HORIZON_MS)


def joined(outcomes: list[Outcome]) -> Counter[tuple[Any, ...]]:
    found = [(o.model, o.example) for o in outcomes if isinstance(o, Joined)]
    return Counter((model, example.id, example.label, example.features["x"]) for model, example in found)


@st.composite
def parts(draw: st.DrawFn) -> list[Any]:
    """Parts of three ids, some missing."""
    made: list[Any] = []
    for event_id in "abc":
        apart, scoped = draw(st.booleans()), draw(st.booleans())
        models = draw(st.sets(st.sampled_from("mn")))
        made += [prediction(event_id, model, None if apart else {"x": 2.0}) for model in sorted(models)]
        if draw(st.booleans()):
            made.append(feature(event_id))
        made += [label(event_id, name) for name in (sorted(draw(st.sets(st.sampled_from("mn")))) if scoped else [None])]
    return made


@given(data=st.data(), made=parts())
@settings(max_examples=60, deadline=None)
def test_order_does_not_matter(data: st.DataObject, made: list[Any]) -> None:
    one, other = new_join(), new_join()
    shuffled = data.draw(st.permutations(made))
    first, second = feed(one, made), feed(other, shuffled)
    assert joined(first) == joined(second)
    assert max(joined(first).values(), default=0) <= 1
    ids = [Counter((o.event.id, o.event.model) for o in out if isinstance(o, Resolved)) for out in (first, second)]
    assert ids[0] == ids[1]
    left = [Counter(_what(o) for o in join.expire(10**6)) for join in (one, other)]
    assert left[0] == left[1]


@given(data=st.data(), made=parts())
@settings(max_examples=40, deadline=None)
def test_each_repeated_part_is_refused_and_changes_nothing(data: st.DataObject, made: list[Any]) -> None:
    repeated = data.draw(st.lists(st.sampled_from(made), max_size=4) if made else st.just([]))
    outcomes = feed(new_join(), data.draw(st.permutations([*made, *repeated])))
    assert joined(outcomes) == joined(feed(new_join(), made))
    refused = [o for o in outcomes if isinstance(o, Refused)]
    assert {o.error.reason for o in refused} <= {Reason.DUPLICATE}
    assert len(refused) == len(repeated)


def _what(outcome: Outcome) -> tuple[Any, ...]:
    if isinstance(outcome, Refused):
        return outcome.topic, outcome.event_id, outcome.error.reason
    assert isinstance(outcome, Expired)
    return outcome.topic, outcome.model


def test_first_is_told_once_per_label() -> None:
    outcomes = feed(new_join(), [prediction("a", "m", {"x": 1.0}), prediction("a", "n", {"x": 1.0}), label("a")])
    assert [o.first for o in outcomes if isinstance(o, Joined)] == [True, False]


@pytest.mark.parametrize("order", [0, 1])
def test_features_that_do_not_fit_refuse_the_prediction_in_both_orders(order: int) -> None:
    made = [prediction("a"), feature("a", "text")]
    outcomes = feed(new_join(), made if order else made[::-1])
    assert [_what(o) for o in outcomes] == [("predictions", "a", Reason.WRONG_TYPE)]


def test_what_is_incomplete_leaves_with_a_reason_after_the_horizon() -> None:
    join = new_join()
    feed(join, [label("a"), prediction("b"), prediction("c", "m", {"x": 1.0}), feature("d")])
    assert join.expire(10 + HORIZON_MS) == []
    assert {_what(o) for o in join.expire(21 + HORIZON_MS)} == {
        ("labels", "a", Reason.LABEL_WITHOUT_PREDICTION),
        ("predictions", "b", Reason.PREDICTION_WITHOUT_FEATURES),
        ("predictions", "m"),
        ("features", None),
    }
    assert join.expire(10**9) == []
