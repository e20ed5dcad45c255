"""What the classifier looks at."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from trimtab.drift.domain_terms import _welch, columns_of, telling_terms
from trimtab.events.columns import Categories
from trimtab.profiles import RowSample

INF, NAN = np.inf, np.nan


def columns(before: list[float], after: list[float]) -> list[list[float]]:
    one, other = (
        RowSample(99, np.arange(len(of), dtype=np.uint64), np.arange(len(of)), {"x": np.array(of)})
        for of in (before, after)
    )
    return [row.tolist() for row in columns_of(one, other)]


def texts(before: list[str | None], after: list[str | None]) -> list[list[float]]:
    one, other = (
        RowSample(99, np.arange(len(of), dtype=np.uint64), np.arange(len(of)), {}, {"u": Categories.of(of)})
        for of in (before, after)
    )
    return [row.tolist() for row in columns_of(one, other)]


def test_numbers_are_normal_scores() -> None:
    [found] = columns([3.0, NAN, -INF], [1e300, 3.0, INF])
    ranks = stats.rankdata([3.0, -INF, 1e300, 3.0, INF])
    expected = stats.norm.ppf(ranks / 6)
    assert found == pytest.approx([expected[0], 0.0, *expected[1:]])
    assert columns([1.0, 1.0], [1.0]) == columns([NAN], [NAN]) == []


def test_categories_are_zeros_and_ones() -> None:
    missing, a, b = [0, 1, 0, 0, 0], [1, 0, 0, 1, 1], [0, 0, 1, 0, 0]
    assert texts(["a", None, "b"], ["a", "a"]) == [missing, a, b]
    assert texts(["a", "a"], ["a"]) == []


def test_rare_categories_are_one() -> None:
    # Sixteen are seen twice; those seen once are put together, and which these are does not depend on the order.
    often = [f"c{k}" for k in range(16)]
    found = texts([*often, "r1", "r2"], [*reversed(often), "r3"])
    assert len(found) == 17
    assert found[-1] == [*[0] * 16, 1, 1, *[0] * 16, 1]
    names: list[str | None] = [*often, "zz", "b"]
    # Of equally frequent ones the names decide: the last two are those that are put together.
    for order in (names, names[::-1]):
        rest = texts(order, order)[-1]
        assert {name for name, one in zip(order, rest, strict=False) if one} == {"c9", "zz"}


def test_the_most_frequent_categories_are_apart() -> None:
    often: list[str | None] = ["zz"] * 3
    found = texts([*often, *(f"c{k}" for k in range(16))], ["zz"])
    assert found[0] == [*[1] * 3, *[0] * 16, 1]
    assert found[-1] == [*[0] * 12, 1, *[0] * 7]  # c9, whose name is the last of the sixteen


def test_the_order_of_the_features_does_not_matter() -> None:
    x, y, u, v = np.arange(4.0), np.arange(4.0)[::-1], Categories.of("abab"), Categories.of("aabb")
    one = RowSample.of(9, np.arange(4), {"x": x, "y": y}, {"u": u, "v": v})
    other = RowSample.of(9, np.arange(4), {"y": y, "x": x}, {"v": v, "u": u})
    assert columns_of(one, one).tolist() == columns_of(other, other).tolist()


def test_only_features_of_both() -> None:
    one = RowSample.of(9, np.arange(2), {"x": np.arange(2.0), "y": np.arange(2.0)}, {"u": Categories.of("ab")})
    other = RowSample.of(9, np.arange(2), {"x": np.arange(2.0)}, {"v": Categories.of("ab")})
    assert columns_of(one, other).shape == (1, 4)
    assert columns_of(one, one).shape == (4, 4)
    assert columns_of(one, one, {"x", "u"}).shape == (1, 4)


def rows(correlation: float = 0.0, count: int = 400, width: int = 4) -> np.ndarray:
    values = np.random.default_rng(3).normal(size=(width, count))
    half = count // 2
    values[1, half:] = correlation * values[0, half:] + np.sqrt(1 - correlation**2) * values[1, half:]
    return values


IS_WINDOW = np.arange(400) >= 200
EVEN = np.arange(400) % 2 == 0


def test_the_product_that_tells_is_taken() -> None:
    values = rows(0.9)
    [found] = telling_terms(values, IS_WINDOW, EVEN, 1)
    assert found.tolist() == (values[0] * values[1]).tolist()


def test_squares_and_columns_that_tell_are_taken() -> None:
    values = rows()
    values[2, IS_WINDOW] *= 3
    values[3, IS_WINDOW] += 3
    found = telling_terms(values, IS_WINDOW, EVEN, 2)
    taken = [row.tolist() for row in found]
    assert values[3].tolist() in taken
    assert (values[2] ** 2).tolist() in [row.tolist() for row in telling_terms(values, IS_WINDOW, EVEN, 4)]


@pytest.mark.parametrize("side", [IS_WINDOW, ~IS_WINDOW])
def test_only_rows_that_teach_choose(side: np.ndarray) -> None:
    values = rows()
    chosen = telling_terms(values, IS_WINDOW, EVEN, 3)
    changed = values.copy()
    changed[:, ~EVEN & side] += [[9.0], [0.0], [5.0], [-7.0]]
    again = telling_terms(changed, IS_WINDOW, EVEN, 3)
    assert again[:, EVEN].tolist() == chosen[:, EVEN].tolist()


def test_the_scores_are_those_of_welch() -> None:
    values = rows(0.5, width=2)
    values[0, IS_WINDOW] += 0.3
    found = _welch(values[:, ~IS_WINDOW], values[:, IS_WINDOW])
    product = values[0] * values[1]
    before, after = product[~IS_WINDOW], product[IS_WINDOW]
    expected = abs(after.mean() - before.mean()) / np.sqrt((before.var() + after.var()) / 200)
    assert found[0, 1] == pytest.approx(expected, abs=1e-6)


def test_zeros_and_ones_are_not_squared_and_nothing_tells_nothing() -> None:
    column = np.where(np.arange(400) % 3 == 0, 1.0, 0.0)
    column[IS_WINDOW] = np.where(np.arange(200) % 5 == 0, 1.0, 0.0)
    assert telling_terms(column[None], IS_WINDOW, EVEN, 9).tolist() == [column.tolist()]
    assert telling_terms(np.zeros((1, 400)), IS_WINDOW, EVEN, 9).shape == (0, 400)


def test_of_many_columns_those_that_tell_are_multiplied() -> None:
    values = np.random.default_rng(4).normal(size=(400, 400))
    values[399, IS_WINDOW] += 2
    [found] = telling_terms(values, IS_WINDOW, EVEN, 1)
    assert found.tolist() == values[399].tolist()
