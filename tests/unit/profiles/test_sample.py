"""A sample is that of its rows, in whatever order and pieces they came."""

from __future__ import annotations

import json
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.config import ModelConfig
from trimtab.config.model import SAMPLE_ROWS
from trimtab.events.columns import Categories
from trimtab.profiles import Reference, WindowProfile
from trimtab.profiles.groups import InputRows
from trimtab.profiles.sample import RowSample

Row = tuple[int, float, str | None]
MODEL = ModelConfig.model_validate(
    {
        "task": "regression",
        "features": {"x": {"type": "numeric"}},
        "drift": {"domain_classifier": True},
        "factory": {"class": "river.linear_model:LinearRegression"},
    }
)
numbers = st.one_of(st.sampled_from([0.0, -0.0, 1.0, float("nan"), float("inf"), float("-inf")]), st.floats())
rows_of = st.lists(st.tuples(st.integers(-5, 5), numbers, st.sampled_from([None, "a", "b", "ü", ""])), max_size=40)


def sample(rows: list[Row], capacity: int = 8) -> RowSample:
    times = np.array([row[0] for row in rows], np.int64)
    values = np.array([row[1] for row in rows], np.float64)
    return RowSample.of(capacity, times, {"x": values}, {"u": Categories.of([row[2] for row in rows])})


def content(one: RowSample) -> list[tuple[int, str, str | None]]:
    """NaN compares equal as text, and zeros have one sign."""
    values = [str(value + 0.0) for value in one.numbers["x"].tolist()] if len(one) else []
    texts = one.categories["u"].to_list() if len(one) else []
    return list(zip(one.time_ms.tolist(), values, texts, strict=True))


@given(rows_of, st.data())
def test_any_order_and_any_pieces_give_the_same_sample(rows: list[Row], data: st.DataObject) -> None:
    whole = sample(rows)
    shuffled = data.draw(st.permutations(rows))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(rows)), max_size=4)))
    pieces = [sample(shuffled[start:end]) for start, end in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    merged = reduce(RowSample.merge, data.draw(st.permutations(pieces)))
    assert merged.hashes.tolist() == whole.hashes.tolist()
    assert content(merged) == content(whole)


@given(rows_of, rows_of, rows_of)
def test_merge_is_associative_commutative_and_idempotent(a: list[Row], b: list[Row], c: list[Row]) -> None:
    one, two, three = sample(a), sample(b), sample(c)
    assert content(one.merge(two)) == content(two.merge(one))
    assert content(one.merge(two).merge(three)) == content(one.merge(two.merge(three)))
    assert one.merge(one) == one
    assert content(one.merge(RowSample(8))) == content(one) == content(RowSample(8).merge(one))


@given(rows_of)
def test_the_codecs_keep_everything(rows: list[Row]) -> None:
    made = sample(rows)
    for read in (RowSample.from_bytes(made.to_bytes()), RowSample.from_wire(made.to_wire())):
        assert read == made
        assert content(read) == content(made)


@given(rows_of, st.integers(1, 10))
def test_it_is_bounded_and_holds_each_content_once(rows: list[Row], capacity: int) -> None:
    made = sample(rows, capacity)
    distinct = {(time, str(value + 0.0), text) for time, value, text in rows}
    assert len(made) == min(capacity, len(distinct))
    assert len(set(content(made))) == len(made)
    assert set(content(made)) <= distinct


def test_every_row_is_as_likely() -> None:
    """Of 40,000 rows half of which are above zero, 2,000 are kept; 2,000 coins scatter by 22."""
    draw = np.random.default_rng(1)
    made = RowSample.of(2_000, np.arange(40_000), {"x": draw.normal(size=40_000)}, {})
    assert abs(int((made.numbers["x"] > 0).sum()) - 1_000) < 100
    assert abs(int((made.time_ms < 20_000).sum()) - 1_000) < 100


def test_the_smaller_capacity_holds() -> None:
    rows: list[Row] = [(k, float(k), "a") for k in range(20)]
    small = sample(rows, 3)
    assert content(sample(rows, 8).merge(small)) == content(small)
    assert len(small.merge(sample(rows, 8))) == len(small.merge(RowSample(8))) == len(RowSample(3).merge(sample(rows)))
    assert content(small.merge(sample(rows, 8))) == content(small) == content(RowSample(3).merge(sample(rows)))


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        RowSample.of(0, np.arange(1), {}, {})
    with pytest.raises(ValueError, match="x: 2 values for 1 rows"):
        RowSample.of(1, np.arange(1), {"x": np.zeros(2)}, {})
    with pytest.raises(ValueError, match="u: 2 values for 1 rows"):
        RowSample.of(1, np.arange(1), {}, {"u": Categories.of("ab")})


def test_only_features_that_both_have_are_kept() -> None:
    """A configuration that changed in the middle of a window must not stop the monitor."""
    before = RowSample.of(4, np.arange(2), {"x": np.zeros(2), "y": np.zeros(2)}, {"u": Categories.of("ab")})
    after = RowSample.of(4, np.arange(2), {"x": np.ones(2)}, {})
    both = before.merge(after)
    assert (len(both), list(both.numbers), list(both.categories)) == (4, ["x"], [])
    assert both == after.merge(before)


@pytest.mark.parametrize("data", [b"", b"\xc0", sample([(1, 2.0, "a")]).to_bytes()[:-1]])
def test_damage_is_seen(data: bytes) -> None:
    with pytest.raises(ValueError, match="damaged"):
        RowSample.from_bytes(data)


def test_columns_that_do_not_fit_are_damage() -> None:
    made = sample([(1, 2.0, "a"), (2, 3.0, "b")])
    short = RowSample(8, made.hashes, made.time_ms[:1], made.numbers, made.categories)
    unsorted = RowSample(8, made.hashes[::-1], made.time_ms, made.numbers, made.categories)
    repeated = RowSample(8, made.hashes[[0, 0]], made.time_ms, made.numbers, made.categories)
    too_many = RowSample(1, made.hashes, made.time_ms, made.numbers, made.categories)
    for one in (short, unsorted, repeated, too_many):
        with pytest.raises(ValueError, match="damaged"):
            RowSample.from_bytes(one.to_bytes())
    two_names, one_name = b"\x92\xa1a\xa1b", b"\x91\xa1a"
    with pytest.raises(ValueError, match="without a name"):
        RowSample.from_bytes(made.to_bytes().replace(two_names, one_name))


def test_a_code_below_missing_is_damage() -> None:
    data = sample([(1, 2.0, None)]).to_bytes()
    with pytest.raises(ValueError, match="without a name"):
        RowSample.from_bytes(data.replace(b"\xff\xff\xff\xff", b"\xfe\xff\xff\xff"))


def test_text_that_is_not_base64_is_refused() -> None:
    wire = sample([(1, 2.0, "a")]).to_wire()
    with pytest.raises(ValueError, match="base64"):
        RowSample.from_wire(wire[:4] + "!!!!" + wire[4:])


def test_features_in_another_order_are_the_same_rows() -> None:
    times, x, y = np.arange(3), np.array([1.0, 2.0, 3.0]), np.array([3.0, 1.0, 2.0])
    u, v = Categories.of("aba"), Categories.of("bab")
    one = RowSample.of(2, times, {"x": x, "y": y}, {"u": u, "v": v})
    other = RowSample.of(2, times, {"y": y, "x": x}, {"v": v, "u": u})
    assert one == other
    assert one.to_bytes() == other.to_bytes()
    swapped = RowSample.of(2, times, {"x": y, "y": x}, {"u": u, "v": v})
    assert swapped.hashes.tolist() != one.hashes.tolist()


def test_zeros_and_nans_are_each_one_value() -> None:
    other_nan = np.array([0x7FF8_0000_0000_0001], np.uint64).view(np.float64)
    for values in (np.array([0.0, -0.0]), np.array([np.nan, other_nan[0]])):
        assert len(RowSample.of(4, np.zeros(2, np.int64), {"x": values}, {})) == 1
    assert len(RowSample.of(4, np.zeros(2, np.int64), {"x": np.array([0.0, np.nan])}, {})) == 2


def test_the_hashes_are_those_of_samples_that_were_stored() -> None:
    """References and windows in the log were sampled by them; with others the same row would be there twice."""
    made = sample([(1_700_000_000_000, 1.5, "a"), (-3, float("nan"), None)])
    assert made.hashes.tolist() == [6733113327844051820, 17881691800390525266]


def test_a_window_and_a_reference_keep_their_sample() -> None:
    rows = 2 * SAMPLE_ROWS + 1
    part = InputRows(np.arange(rows * 1.0)[None], (), np.zeros(rows), np.zeros(rows), np.arange(rows))
    parts = [part.take(slice(500, rows)), part.take(slice(0, 500))]
    window = InputRows.profile(parts, MODEL, None)
    assert window.sample == part.sample(MODEL)
    assert window.sample is not None
    assert len(window.sample) == SAMPLE_ROWS
    assert WindowProfile.from_bytes(window.to_bytes()).sample == window.sample
    assert window.merge(WindowProfile.empty()).sample == window.sample
    made = Reference.of("r", {"x": np.arange(9.0)}, {}, {}, sample=window.sample)
    assert Reference.from_wire(json.loads(json.dumps(made.to_wire()))).profile.sample == window.sample
