"""The join gives the same examples in whatever order, chunks and restarts the parts come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.config import FactorySpec, ModelConfig, NumericFeature
from trimtab.events import PredictionEvent, Reason
from trimtab.events.columns import Categories, Texts
from trimtab.events.tables import FeatureTable, LabelTable, PredictionTable, Sources
from trimtab.joining import Join, Meta, Outcomes

FACTORY = FactorySpec.model_validate({"class": "river.linear_model:LogisticRegression"})
MODEL = ModelConfig(task="binary", features={"x": NumericFeature()}, factory=FACTORY)
MODELS = {"m": MODEL, "n": MODEL}
HORIZON_MS = 1_000


class Memory:
    """A store without a disk."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.meta = Meta(key=(3, 5))

    def get(self, key: bytes) -> bytes | None:
        return self.values.get(key)

    def items(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        for key in sorted(self.values):
            if key.startswith(prefix):
                yield key[len(prefix) :], self.values[key]

    def write(self, changes: dict[bytes, bytes | None]) -> None:
        for key, value in changes.items():
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = value


class Part(NamedTuple):
    """One event: a prediction with or without features, features, or a label."""

    kind: str
    id: str
    model: str | None = None
    value: Any = None
    time_ms: int = 10


def prediction(event_id: str, model: str = "m", features: Any = None) -> Part:
    return Part("predictions", event_id, model, features)


def feature(event_id: str, x: object = 2.0) -> Part:
    return Part("features", event_id, None, {"x": x})


def label(event_id: str, model: str | None = None, value: object = 1) -> Part:
    return Part("labels", event_id, model, value, 20)


def table(part: Part, offset: int) -> Any:
    where = Sources(0, np.array([offset]), np.array([1_000 + offset]))
    ids, time = Texts.of([part.id]), np.array([part.time_ms])
    if part.kind == "predictions":
        event = PredictionEvent(part.id, part.model or "", 1, None, part.time_ms, part.value, "1", 0.5)
        return PredictionTable.of([event], MODEL, where)
    if part.kind == "features":
        return FeatureTable(ids, time, Texts.of([orjson.dumps(part.value).decode()]), where)
    text = isinstance(part.value, str)
    return LabelTable(
        part.model, ids, time, Categories.of([part.value]) if text else np.array([float(part.value)]), where
    )


def chunks(parts: Sequence[tuple[int, Part]], sizes: Sequence[int]) -> Iterator[list[tuple[int, Part]]]:
    """Runs of one topic, cut further."""
    cuts = iter(sizes)
    for _, run in groupby(parts, key=lambda one: one[1].kind):
        rest = list(run)
        while rest:
            size = next(cuts, len(rest)) or len(rest)
            yield rest[:size]
            rest = rest[size:]


def feed(join: Join, parts: Sequence[Part], sizes: Sequence[int] = (), first: int = 0) -> list[Outcomes]:
    outcomes = []
    for chunk in chunks(list(enumerate(parts, first)), sizes):
        tables: dict[Any, list[Any]] = {}
        for offset, part in chunk:
            one = table(part, offset)
            tables.setdefault(one.kind, []).append(one)
        merged = [type(some[0]).concat(some) for some in tables.values()]
        outcomes.append(getattr(join, chunk[0][1].kind)(merged))
    return outcomes


def new_join(memory: Memory | None = None, models: dict[str, ModelConfig] = MODELS) -> Join:
    return Join(memory or Memory(), models, HORIZON_MS)  # type: ignore[arg-type]  # what it uses of a store


def joined(outcomes: Sequence[Outcomes]) -> Counter[tuple[Any, ...]]:
    found: Counter[tuple[Any, ...]] = Counter()
    for one in (one for outcome in outcomes for one in outcome.joined):
        assert len(one.examples) == len(one.sources)
        found.update((one.model, e.id, e.label, e.features["x"], e.produced_ms > 0) for e in one.examples.rows())
    return found


def resolved(outcomes: Sequence[Outcomes]) -> Counter[tuple[Any, ...]]:
    tables = [found for outcome in outcomes for found in outcome.resolved]
    return Counter(
        (found.model, event_id, x)
        for found in tables
        if found.ids is not None and found.features is not None
        for event_id, x in zip(found.ids.to_list(), found.features.numbers[0].tolist(), strict=True)
    )


def refused(outcomes: Sequence[Outcomes]) -> Counter[tuple[Any, ...]]:
    return Counter((r.topic, r.event_id, r.error.reason) for outcome in outcomes for r in outcome.refused)


def expected(parts: Sequence[Part]) -> tuple[Counter[tuple[Any, ...]], Counter[tuple[Any, ...]]]:
    """Examples and resolved predictions, worked out from all parts at once, by hand."""
    first: dict[tuple[Any, ...], Part] = {}
    for part in parts:
        first.setdefault((part.kind, part.id, part.model), part)
    examples: Counter[tuple[Any, ...]] = Counter()
    known: Counter[tuple[Any, ...]] = Counter()
    for part in first.values():
        apart = first.get(("features", part.id, None))
        features = part.value or (apart.value if apart is not None else None)
        if part.kind != "predictions" or features is None:
            continue
        known[part.model, part.id, features["x"]] += 1
        found = first.get(("labels", part.id, part.model)) or first.get(("labels", part.id, None))
        if found is not None:
            examples[part.model, part.id, str(found.value), features["x"], True] += 1
    return examples, known


@st.composite
def made_parts(draw: st.DrawFn) -> list[Part]:
    """Parts of some ids, some missing; the labels of an id are for all models, or for single ones."""
    made: list[Part] = []
    for number, event_id in enumerate(["a", "b", "é" * 40, "a" * 400]):
        apart, scoped = draw(st.booleans()), draw(st.booleans())
        models = draw(st.sets(st.sampled_from("mn")))
        made += [prediction(event_id, model, None if apart else {"x": float(number)}) for model in sorted(models)]
        if draw(st.booleans()):
            made.append(feature(event_id))
        scopes: list[str | None] = [*sorted(draw(st.sets(st.sampled_from("mn"))))] if scoped else [None]
        made += [label(event_id, scope, number % 2) for scope in scopes]
    return made


@given(data=st.data(), made=made_parts(), sizes=st.lists(st.integers(0, 4)))
@settings(max_examples=120, deadline=None)
def test_order_chunks_and_restarts_do_not_matter(data: st.DataObject, made: list[Part], sizes: list[int]) -> None:
    shuffled = data.draw(st.permutations(made))
    memory = Memory()
    join, outcomes = new_join(memory), []
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=4)))
    for start, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True):
        outcomes += feed(join, shuffled[start:end], sizes, start)
        memory.write(join.changes())
        if data.draw(st.booleans()):
            join = new_join(memory)
    examples, known = expected(made)
    assert joined(outcomes) == examples
    assert resolved(outcomes) == known
    assert not refused(outcomes)
    left, other = join.expire(10**6), new_join()
    feed(other, made)
    reference = other.expire(10**6)
    assert refused([left]) == refused([reference])
    assert left.unlabelled == reference.unlabelled
    memory.write(join.changes())
    assert not new_join(memory).expire(10**9)
    assert memory.values == {}


@given(data=st.data(), made=made_parts(), sizes=st.lists(st.integers(0, 4)))
@settings(max_examples=60, deadline=None)
def test_each_repeated_part_is_refused_and_changes_nothing(
    data: st.DataObject, made: list[Part], sizes: list[int]
) -> None:
    repeated = data.draw(st.lists(st.sampled_from(made), max_size=4) if made else st.just([]))
    outcomes = feed(new_join(), data.draw(st.permutations([*made, *repeated])), sizes)
    assert (joined(outcomes), resolved(outcomes)) == expected(made)
    found = refused(outcomes)
    assert {reason for _, _, reason in found} <= {Reason.DUPLICATE}
    assert found.total() == len(repeated)


@given(data=st.data(), made=made_parts(), sizes=st.lists(st.integers(0, 4)))
@settings(max_examples=60, deadline=None)
def test_repeated_parts_are_counted_for_their_models_whatever_the_chunks_and_restarts(
    data: st.DataObject, made: list[Part], sizes: list[int]
) -> None:
    repeated = data.draw(st.lists(st.sampled_from(made), max_size=4) if made else st.just([]))
    parts = data.draw(st.permutations([*made, *repeated]))
    memory = Memory()
    join, outcomes = new_join(memory), []
    cuts = sorted(data.draw(st.lists(st.integers(0, len(parts)), max_size=4)))
    for start, end in zip([0, *cuts], [*cuts, len(parts)], strict=True):
        outcomes += feed(join, parts[start:end], sizes, start)
        memory.write(join.changes())
        join = new_join(memory)
    found = Counter((r.topic, r.event_id, r.model) for outcome in outcomes for r in outcome.refused)
    assert found == Counter((part.kind, part.id, part.model) for part in repeated)


@pytest.mark.parametrize("sizes", [(), (1, 1, 1)])
def test_the_smallest_offset_counts_whatever_the_chunks(sizes: tuple[int, ...]) -> None:
    outcomes = feed(new_join(), [prediction("a", "m", {"x": k}) for k in (1.0, 2.0, 3.0)], sizes)
    assert resolved(outcomes) == Counter({("m", "a", 1.0): 1})
    assert [r.offset for outcome in outcomes for r in outcome.refused] == [1, 2]


@pytest.mark.parametrize("scope", [None, "m"])
def test_a_label_of_a_sole_model_is_not_kept_yet_a_second_one_is_told(scope: str | None) -> None:
    join = new_join(models={"m": MODEL})
    outcomes = feed(join, [prediction("a", "m", {"x": 1.0}), label("a", scope), label("a", scope)], (1, 1, 1))
    assert refused(outcomes) == Counter({("labels", "a", Reason.DUPLICATE): 1})
    assert join.pending == 1


@pytest.mark.parametrize("order", [0, 1])
def test_features_that_do_not_fit_refuse_the_prediction_in_both_orders(order: int) -> None:
    made = [prediction("a"), feature("a", "text")]
    outcomes = feed(new_join(), made if order else made[::-1])
    assert refused(outcomes) == Counter({("predictions", "a", Reason.WRONG_TYPE): 1})


def test_a_label_that_fits_one_model_only_is_joined_there() -> None:
    models = {"m": MODEL, "r": MODEL.model_copy(update={"task": "multiclass"})}
    join = new_join(models=models)
    made = [prediction("a", "m", {"x": 1.0}), prediction("a", "r", {"x": 1.0}), label("a", None, "red")]
    outcomes = feed(join, made)
    assert joined(outcomes) == Counter({("r", "a", "red", 1.0, True): 1})
    assert refused(outcomes) == Counter({("labels", "a", Reason.WRONG_TYPE): 1})


def test_what_is_incomplete_leaves_with_a_reason_after_the_horizon() -> None:
    join = new_join()
    feed(join, [label("a"), prediction("b"), prediction("c", "m", {"x": 1.0}), feature("d")])
    assert not join.expire(10 + HORIZON_MS)
    left = join.expire(21 + HORIZON_MS)
    assert refused([left]) == Counter(
        {
            ("labels", "a", Reason.LABEL_WITHOUT_PREDICTION): 1,
            ("predictions", "b", Reason.PREDICTION_WITHOUT_FEATURES): 1,
        }
    )
    assert left.unlabelled == Counter({"m": 1})
    assert not join.expire(10**9)


def test_many_small_commits_leave_few_blocks_and_every_row_can_be_read() -> None:
    memory = Memory()
    join = new_join(memory)
    count = 700
    for k in range(count):
        feed(join, [prediction(f"e{k}", "m", {"x": float(k)})], first=k)
        memory.write(join.changes())
    blocks = [key for key in memory.values if key.startswith(b"pb")]
    assert len(blocks) < 50
    again = new_join(memory)
    outcomes = feed(again, [label(f"e{k}") for k in reversed(range(count))], first=count)
    assert joined(outcomes) == Counter({("m", f"e{k}", "1", float(k), True): 1 for k in range(count)})
