"""However rows are split over flushes, the merged profiles are those of one flush."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.profiles.strategies import briefly
from trimtab.config import ModelConfig
from trimtab.events import Example, PredictionEvent
from trimtab.events.examples import Examples
from trimtab.events.tables import PredictionTable, Sources
from trimtab.profiles import NumericProfile, Reference, WindowProfile
from trimtab.profiles.partials import Partials
from trimtab.windows import WindowKey
from trimtab.windows.records import Piece, pieces_of

SIZE = 100
MODEL = ModelConfig.model_validate(
    {
        "task": "binary",
        "features": {
            "x": {"type": "numeric"},
            "region": {"type": "categorical", "values": ["north", "south"]},
            "tier": {"type": "categorical", "values": ["gold"]},
        },
        "segments": ["region", "tier"],
        "window": {"size": SIZE},
        "factory": {"class": "river.linear_model:LogisticRegression"},
    }
)
REFERENCE = Reference.of("credit@1", {}, {"region": ["north", "south"] * 3}, {})

Pieces = dict[WindowKey, Piece]


class Row(NamedTuple):
    """One event to be added."""

    example: bool
    version: int
    time_ms: int
    features: dict[str, float | str | None]
    prediction: str | None
    score: float | None
    label: str
    source: tuple[int, int, int]

    @property
    def kind(self) -> str:
        return "performance" if self.example else "inputs"

    @property
    def start_ms(self) -> int:
        return self.time_ms // SIZE * SIZE


classes = st.sampled_from("01")
features = st.fixed_dictionaries(
    {},
    optional={
        # Small whole numbers: their sums are exact, so that regrouping them changes no bit of the total.
        "x": st.one_of(st.none(), st.integers(-50, 50).map(float)),
        "region": st.sampled_from([None, "north", "south", "east", "(missing)", "", "ü"]),
        "tier": st.sampled_from([None, "gold", "tin"]),
    },
)
rows_of_all_kinds = st.lists(
    st.builds(
        Row,
        example=st.booleans(),
        version=st.integers(0, 2),
        time_ms=st.integers(-150, 250),
        features=features,
        prediction=st.one_of(st.none(), classes),
        score=st.one_of(st.none(), st.floats(0, 1)),
        label=classes,
        source=st.tuples(st.integers(0, 2), st.integers(0, 1_000), st.integers(0, 10**6)),
    ),
    max_size=25,
)


def partials() -> Partials:
    return Partials("credit", MODEL, lambda version: REFERENCE if version == 1 else None)


def add(gathered: Partials, row: Row) -> None:
    add_table(gathered, [row])


def add_table(gathered: Partials, rows: list[Row]) -> None:
    """Rows of one kind and partition."""
    if not rows:
        return
    sources = Sources(
        rows[0].source[0], np.array([row.source[1] for row in rows]), np.array([row.source[2] for row in rows])
    )
    if rows[0].example:
        gathered.add_examples(Examples.of([example_of(row) for row in rows], MODEL), sources)
    else:
        gathered.add_predictions(PredictionTable.of([event_of(row) for row in rows], MODEL, sources))


def event_of(row: Row) -> PredictionEvent:
    features = {name: row.features.get(name) for name in MODEL.features}
    return PredictionEvent("a", "credit", row.version, None, row.time_ms, features, row.prediction, row.score)


def example_of(row: Row) -> Example:
    return Example(
        id="a",
        time_ms=row.time_ms,
        label_time_ms=row.time_ms,
        features={name: row.features.get(name) for name in MODEL.features},
        label=row.label,
        prediction=row.prediction,
        score=row.score,
        version=row.version,
        learnt_offset=None,
        produced_ms=0,
    )


def built(rows: list[Row]) -> dict[str, Any]:
    gathered = partials()
    for row in rows:
        add(gathered, row)
    (record,) = gathered.build(3)
    return record


def merged(records: list[dict[str, Any]]) -> Pieces:
    found: Pieces = {}
    for record in records:
        for piece in pieces_of(record):
            found[piece.key] = found[piece.key].merge(piece) if piece.key in found else piece
    return found


def clocks_of(record: dict[str, Any]) -> dict[tuple[str, int], int]:
    return {(clock["kind"], clock["partition"]): clock["time_ms"] for clock in record["clocks"]}


def near(left: float, right: float) -> bool:
    return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-6)


def same_numbers(left: NumericProfile, right: NumericProfile) -> bool:
    exact = [
        (p.count, p.missing, p.non_finite, p.minimum, p.maximum, p.frame, p.cells.tolist(), p.counts.tolist())
        for p in (left, right)
    ]
    return exact[0] == exact[1] and near(left.mean, right.mean) and near(left.m2, right.m2)


def same_profile(left: WindowProfile, right: WindowProfile) -> bool:
    """Counts to the bit; float sums but for the rounding of their grouping."""
    if (left.count, left.categorical, left.numeric.keys()) != (right.count, right.categorical, right.numeric.keys()):
        return False
    if not all(same_numbers(left.numeric[name], right.numeric[name]) for name in left.numeric):
        return False
    ours, theirs = left.performance, right.performance
    if ours is None or theirs is None:
        return ours is theirs
    counts = [(p.count, p.confusion, p.log_loss_count, p.invalid) for p in (ours, theirs)]
    return counts[0] == counts[1] and near(ours.log_loss_sum, theirs.log_loss_sum)


@st.composite
def splits(draw: st.DrawFn) -> tuple[list[Row], list[list[Row]]]:
    """Rows, and the same rows dealt out to some flushes."""
    rows = draw(rows_of_all_kinds)
    count = draw(st.integers(1, 5))
    flushes: list[list[Row]] = [[] for _ in range(count)]
    for row in rows:
        flushes[draw(st.integers(0, count - 1))].append(row)
    return rows, flushes


@briefly
@given(splits())
def test_any_split_merges_to_one_build(case: tuple[list[Row], list[list[Row]]]) -> None:
    rows, flushes = case
    whole, parts = merged([built(rows)]), merged([built(flush) for flush in flushes])
    assert whole.keys() == parts.keys()
    for key, piece in whole.items():
        assert same_profile(piece.profile, parts[key].profile), key
        assert piece.offsets == parts[key].offsets
        assert piece.last_produced_ms == parts[key].last_produced_ms


@briefly
@given(rows_of_all_kinds)
def test_tables_of_many_rows_give_what_single_rows_give(rows: list[Row]) -> None:
    gathered = partials()
    for example in (False, True):
        for partition in range(3):
            add_table(gathered, [row for row in rows if (row.example, row.source[0]) == (example, partition)])
    (record,) = gathered.build(3)
    whole, parts = merged([built(rows)]), merged([record])
    assert whole.keys() == parts.keys()
    assert record["counts"] == Counter("examples" if row.example else "predictions" for row in rows)
    for key, piece in whole.items():
        assert same_profile(piece.profile, parts[key].profile), key
        assert (piece.offsets, piece.last_produced_ms) == (parts[key].offsets, parts[key].last_produced_ms)


@briefly
@given(splits())
def test_counts_add_up_and_clocks_are_the_latest(case: tuple[list[Row], list[list[Row]]]) -> None:
    rows, flushes = case
    counts: Counter[str] = Counter()
    clocks: dict[tuple[str, int], int] = {}
    for record in map(built, flushes):
        counts.update(record["counts"])
        for which, time_ms in clocks_of(record).items():
            clocks[which] = max(time_ms, clocks.get(which, time_ms))
    whole = built(rows)
    assert counts == whole["counts"] == Counter("examples" if row.example else "predictions" for row in rows)
    assert clocks == clocks_of(whole)
    for (kind, partition), time_ms in clocks.items():
        assert time_ms == max(r.time_ms for r in rows if (r.kind, r.source[0]) == (kind, partition))


@briefly
@given(st.lists(st.integers(0, 5 * SIZE), min_size=1, max_size=30))
def test_arrivals_are_counted_in_their_windows_with_the_latest_of_each(stamps: list[int]) -> None:
    gathered = partials()
    gathered.arrive("refused", "labels", 2, np.array(stamps))
    (record,) = gathered.build(3)
    starts = sorted({ms - ms % SIZE for ms in stamps})
    inside = [[ms for ms in stamps if start <= ms < start + SIZE] for start in starts]
    assert [(a["start_ms"], a["refused"], a["latest_ms"]) for a in record["arrivals"]] == [
        (start, len(some), max(some)) for start, some in zip(starts, inside, strict=True)
    ]


@briefly
@given(rows_of_all_kinds)
def test_each_group_is_the_rows_of_its_key(rows: list[Row]) -> None:
    for key, piece in merged([built(rows)]).items():
        mine = [
            row
            for row in rows
            if (row.kind, row.version, row.start_ms) == (key.kind, key.version, key.start_ms)
            and key.segment in ("", *segments_of(row))
        ]
        assert piece.profile.count == len(mine) > 0
        assert key.end_ms == key.start_ms + SIZE
        assert key.reference == (REFERENCE.id if key.version == 1 else None)
        assert piece.last_produced_ms == max(row.source[2] for row in mine)
        for partition in {row.source[0] for row in mine} | set(piece.offsets):
            offsets = [row.source[1] for row in mine if row.source[0] == partition]
            assert piece.offsets[partition] == (min(offsets), max(offsets))


def segments_of(row: Row) -> list[str]:
    """Segments as documented: known categories, '(missing)', and '(other)' for all the rest."""
    region, tier = row.features.get("region"), row.features.get("tier")
    known = region if region in ("north", "south") else "(missing)" if region is None else "(other)"
    of_tier = "(missing)" if tier is None else "gold" if tier == "gold" else "(other)"
    return [f"region={known}", f"tier={of_tier}"]


@briefly
@given(rows_of_all_kinds)
def test_each_segmentation_counts_every_row_once(rows: list[Row]) -> None:
    totals: Counter[str] = Counter()
    for key, piece in merged([built(rows)]).items():
        totals[key.segment.partition("=")[0]] += piece.profile.count
    assert totals == (Counter({"": len(rows), "region": len(rows), "tier": len(rows)}) if rows else Counter())


@briefly
@given(rows_of_all_kinds)
def test_a_build_starts_anew(rows: list[Row]) -> None:
    gathered = partials()
    for row in rows:
        add(gathered, row)
    assert bool(gathered) == bool(rows)
    list(gathered.build(3))
    assert not gathered
    assert gathered.build(3) == [built([])]


@pytest.mark.parametrize(
    ("value", "segment"), [("north", "north"), ("east", "(other)"), ("(missing)", "(other)"), (None, "(missing)")]
)
def test_open_ended_categories_share_a_segment(value: str | None, segment: str) -> None:
    row = Row(False, 1, 5, {"region": value}, "1", 0.5, "1", (0, 0, 0))
    segments = {key.segment for key in merged([built([row])])}
    assert segments == {"", f"region={segment}", "tier=(missing)"}
