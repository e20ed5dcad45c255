"""Durations: what is read, what is written, and that the two agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.config import format_ms, parse_ms

A_MILLENNIUM_MS = 1_000 * 366 * 86_400_000


@given(st.integers(min_value=0, max_value=A_MILLENNIUM_MS))
def test_a_written_duration_reads_as_itself(value: int) -> None:
    assert parse_ms(format_ms(value)) == value


@given(st.integers(min_value=0, max_value=10_000), st.sampled_from(["ms", "s", "m", "h", "d", "w"]))
def test_the_written_form_is_never_longer(number: int, unit: str) -> None:
    text = f"{number}{unit}"
    assert len(format_ms(parse_ms(text))) <= max(len(text), 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("250ms", 250), ("7d", 604_800_000), (" 1.5h ", 5_400_000), ("2 w", 1_209_600_000), (20, 20), ("0s", 0)],
)
def test_reads(text: object, expected: int) -> None:
    assert parse_ms(text) == expected


@pytest.mark.parametrize("text", ["7", "7x", "d", "-1d", "1d2h", "", None, True, 1.5, ["7d"]])
def test_refuses(text: object) -> None:
    with pytest.raises(ValueError, match=r"not a duration: .*; write a number with ms, s, m, h, d or w"):
        parse_ms(text)
