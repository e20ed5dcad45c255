"""Examples, records and logs for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from hypothesis import strategies as st

from trimtab.events.columns import Categories, Column, Texts
from trimtab.events.examples import Examples, encode_examples
from trimtab.kafka.log import LogGone
from trimtab.verification import Record

TOPIC, PARTITION = "t.examples", 2

texts = st.text(st.characters(codec="utf-8"), max_size=6)
names = st.sampled_from(["true", "True", "1", "1.0", "0", "", "é", "日本", "\x00", "nan", "None", "\U0001f600"])
floats = st.one_of(
    st.floats(allow_nan=False, allow_infinity=True),
    st.sampled_from([float("nan"), -0.0, 5e-324, 1.7976931348623157e308]),
)
longs = st.integers(-(2**63), 2**63 - 1)


@st.composite
def columns(draw: st.DrawFn, count: int, kinds: Sequence[str] = ("number", "category"), missing: bool = True) -> Column:
    if draw(st.sampled_from(kinds)) == "number":
        some = floats if missing else st.floats(allow_nan=False)
        return np.array(draw(st.lists(some, min_size=count, max_size=count)), np.float64)
    some_names = st.one_of(st.none(), names) if missing else names
    return Categories.of(draw(st.lists(some_names, min_size=count, max_size=count)))


@st.composite
def examples(draw: st.DrawFn, kind: str | None = None) -> Examples:
    """Any that the wire can carry; features come and go, and change their kind."""
    count = draw(st.integers(1, 5))
    answer = kind or draw(st.sampled_from(["number", "category"]))

    def numbers(some: st.SearchStrategy[int]) -> list[int]:
        return draw(st.lists(some, min_size=count, max_size=count))

    features = draw(st.lists(st.sampled_from(["a", "b", "é", "__label__", "label"]), unique=True, max_size=4))
    return Examples(
        Texts.of(draw(st.lists(texts, min_size=count, max_size=count))),
        np.array(numbers(longs), np.int64),
        np.array(numbers(longs), np.int64),
        np.array(numbers(st.integers(0, 2**31 - 1)), np.int32),
        np.array(numbers(st.integers(-1, 2**63 - 1)), np.int64),
        np.array(numbers(longs), np.int64),
        {name: draw(columns(count)) for name in features},
        draw(columns(count, (answer,), missing=False)),
        draw(st.none() | columns(count, (answer,))),
        draw(st.none() | columns(count, ("number",))),  # type: ignore[arg-type]
    )


def simple(first: int, count: int, shift: float = 0.0) -> Examples:
    """Plain ones: a number and a colour, numbered from ``first`` on."""
    rows = np.arange(first, first + count)
    return Examples(
        Texts.of([f"id{row}" for row in rows]),
        rows * 1_000,
        rows * 1_000 + 500,
        np.ones(count, np.int32),
        np.full(count, -1),
        rows * 1_000 + 700,
        {"x": (rows * 37 % 101) / 101 + shift, "c": Categories.of(["red" if row % 3 else "blue" for row in rows])},
        Categories.of(["1" if row % 4 == 0 else "0" for row in rows]),
        Categories.of(["1"] * count),
        np.full(count, 0.25),
    )


class Log:
    """A partition with one model's records among offsets of others, whose beginning may go."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.low = 0
        self.end = 0

    def add(self, value: bytes) -> int:
        self.records.append(Record(self.end, value))
        self.end += 1
        return self.end - 1

    def add_examples(self, found: Examples) -> int:
        return self.add(encode_examples("m", found))

    def read(self, topic: str, partition: int, first: int, last: int) -> Iterator[Record]:
        assert (topic, partition) == (TOPIC, PARTITION)
        if last < first:
            return
        if self.low > first:
            raise LogGone(topic, partition, first, self.low)
        yield from (record for record in self.records if first <= record.offset <= last)
