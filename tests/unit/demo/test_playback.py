"""The order and the pace in which rows are played."""

import pytest

from trimtab.demo.playback import Pacer, Step, steps


@pytest.mark.parametrize(("rows", "train", "delay"), [(50, 10, 1), (50, 10, 0), (50, 0, 3), (12, 10, 5), (10, 10, 1)])
def test_no_label_before_its_prediction_and_none_missing(rows: int, train: int, delay: int) -> None:
    predicted: list[int] = []
    labelled: list[int] = []
    for step, row in steps(rows, train, delay):
        if step is Step.LABEL:
            assert row in predicted
            labelled.append(row)
        elif step is Step.WAIT:
            assert labelled == list(range(train)), "the first version needs all training labels"
        else:
            assert (step is Step.TRAIN) == (row < train)
            predicted.append(row)
    assert predicted == labelled == list(range(rows))


def test_a_label_comes_right_after_the_prediction_that_many_rows_later() -> None:
    after = [row for step, row in steps(10, 0, 2)]
    assert after[1:9] == [0, 1, 2, 0, 3, 1, 4, 2]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_the_pace_does_not_drift() -> None:
    clock = Clock()
    pacer = Pacer(100, now=lambda: clock.now, sleep=clock.sleep)
    for _ in range(1_000):
        pacer.wait()
        clock.now += 0.003  # work
    assert clock.now == pytest.approx(10.003)


def test_catching_up_is_bounded() -> None:
    clock = Clock()
    pacer = Pacer(100, now=lambda: clock.now, sleep=clock.sleep, most_behind_s=0.5)
    clock.now = 100.0
    calls = 0
    while clock.now < 101.0:
        pacer.wait()
        calls += 1
    assert calls <= 152
