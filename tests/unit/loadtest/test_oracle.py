"""What a family alone would have served, at the ages of what was served."""

from __future__ import annotations

import pytest

from loadtest.oracle.play import AFTER, BATCH, FAMILIES, Outcome, Score, Watched, alone
from loadtest.oracle.streams import Row, synthetic
from trimtab.config import FactorySpec
from trimtab.training.factory import build
from trimtab.training.task import BinaryTask

ROWS = synthetic()[: 10 * BATCH]
LIVE = [record * BATCH for record in range(10)]
ROLLED_BACK = [None, None, 20, 20, 60, 100, 100, 60, 20, 20]


@pytest.mark.parametrize("ages", [LIVE, ROLLED_BACK])
def test_each_record_is_predicted_by_a_model_of_its_age(ages: list[int | None]) -> None:
    expected = Score()
    for record, age in enumerate(ages):
        if age is not None:
            _score(expected, _learnt(ROWS[:age]), ROWS[record * BATCH : (record + 1) * BATCH])

    found = alone(ROWS, "logistic", {"asked": ages, "live": LIVE})

    assert found["asked"].to_json() == expected.to_json()


def test_another_age_is_another_score() -> None:
    found = alone(ROWS, "logistic", {"live": LIVE, "old": [None, *[20] * 9]})

    assert found["live"].log_loss != found["old"].log_loss


def test_a_promotion_is_judged_until_its_predecessor_is_back() -> None:
    outcome = Outcome(promotions=[{"version": 2}, {"version": 3}])
    first, second = Watched(2, 1, None, worse_by=30), Watched(3, 2, None, worse_by=-5)
    outcome.watched = [first, second]

    outcome.rolled_back(2)
    assert outcome.watched == [first]
    first.worse_by += 1
    outcome.rolled_back(1)

    assert [one["points_worse"] for one in outcome.promotions] == [100 * 31 / AFTER, 100 * -5 / AFTER]
    assert (outcome.watched, outcome.rollbacks) == ([], 2)


def _learnt(rows: list[Row]) -> object:
    model = build(FactorySpec.model_validate(FAMILIES["logistic"]))
    for row in rows:
        model.learn_one(row.x, row.label == "1")
    return model


def _score(score: Score, model: object, rows: list[Row]) -> None:
    for row in rows:
        said = BinaryTask().predict(model, row.x)
        score.take(said.value, said.score, row.label)
