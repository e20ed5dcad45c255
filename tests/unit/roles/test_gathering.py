"""Gathered messages keep their order, and none is handed on twice or lost."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from trimtab.roles.gathering import MOST, ROWS_A_TABLE, Gathering


class Raw(NamedTuple):
    """A message of librdkafka as far as it is looked at here."""

    place: tuple[str, int]
    number: int
    failed: bool = False

    def topic(self) -> str:
        return self.place[0]

    def partition(self) -> int:
        return self.place[1]

    def error(self) -> object:
        return "ended" if self.failed else None


places = st.tuples(st.sampled_from("ab"), st.integers(0, 2))
turns = st.lists(
    st.tuples(st.lists(st.tuples(places, st.booleans()), max_size=8), st.integers(1, 20), st.booleans()), max_size=12
)


@given(turns)
def test_nothing_is_lost_or_out_of_order(turns: list[Any]) -> None:
    odd: list[Any] = []
    gathering = Gathering(odd.append)
    sent: list[Raw] = []
    out: dict[tuple[str, int], list[int]] = {}
    for turn, tables, flush in turns:
        messages = [Raw(place, len(sent) + k, failed) for k, (place, failed) in enumerate(turn)]
        sent += messages
        gathering.add(messages)
        for place, chunk in gathering.all() if flush else gathering.due():
            out.setdefault(place, []).extend(message.number for message in chunk)
            gathering.learn(place, tables, len(chunk))
    for place, chunk in gathering.all():
        out.setdefault(place, []).extend(message.number for message in chunk)
    assert not gathering
    assert odd == [message for message in sent if message.failed]
    for place in {message.place for message in sent if not message.failed}:
        assert out[place] == [m.number for m in sent if m.place == place and not m.failed]


def test_chunks_grow_until_their_tables_are_worth_it() -> None:
    gathering = Gathering(lambda message: None)
    place = ("a", 0)
    some: Any = [Raw(place, k) for k in range(10)]
    gathering.add(some)
    assert len(gathering.due()) == 1
    gathering.learn(place, tables=10, rows=10)
    for _ in range(ROWS_A_TABLE - 1):
        gathering.add(some)
        assert gathering.due() == []
        assert place in gathering
    gathering.add(some)
    [(_, chunk)] = gathering.due()
    assert len(chunk) == 10 * ROWS_A_TABLE
    gathering.learn(place, tables=10, rows=10 * ROWS_A_TABLE)
    gathering.add(some)
    assert len(gathering.due()) == 1
    gathering.learn(place, tables=MOST, rows=MOST)
    gathering.add(some * (MOST // 10 + 1))
    assert len(gathering.due()) == 1


def test_forgetting() -> None:
    gathering = Gathering(lambda message: None)
    some: Any = [Raw(("a", 0), 0), Raw(("a", 1), 1)]
    gathering.add(some)
    gathering.drop({1})
    assert [place for place, _ in gathering.all()] == [("a", 0)]
    gathering.add(some)
    gathering.clear()
    assert not gathering
