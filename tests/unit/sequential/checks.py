"""Conformance suite: what every sequential detector must do, however it decides.

Each ``check_*`` takes a way to make the detector (from a state, or from None) and the streams that suit it, and raises
``AssertionError`` when the detector breaks its rule; ``test_conformance.py`` runs them over the registry, and over
detectors that are broken on purpose.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from trimtab.registry import dump, load
from trimtab.sequential import Detection, Detector

Make = Callable[[Any], Detector]
STATE_BYTES = 60_000


class Subject(NamedTuple):
    """One detector on one kind of stream."""

    name: str
    on: str
    make: Make
    boolean: bool
    jump: int = 3_000

    @property
    def length(self) -> int:
        """Examples of a stream."""
        return self.jump * 3 // 2


def stream(subject: Subject, seed: int = 7, still: bool = False) -> list[float]:
    """Errors whose rate jumps from 0.1 to 0.6, or scores that move up by half their range, unless they are still."""
    draw, length = random.Random(seed), subject.length
    jump = length if still else subject.jump
    if subject.boolean:
        return [float(draw.random() < (0.1 if i < jump else 0.6)) for i in range(length)]
    return [draw.random() / 2 + (i >= jump) / 2 for i in range(length)]


def detections(detector: Detector, values: list[float]) -> list[tuple[int, Detection]]:
    found = ((i, detector.update(value)) for i, value in enumerate(values))
    return [(i, one) for i, one in found if one is not None]


def through_checkpoint(state: Any) -> Any:
    """A state as a restart finds it."""
    data = dump(state)
    return load(data, max_bytes=len(data))


def check_sees_a_jump(subject: Subject) -> None:
    found = detections(subject.make(None), stream(subject))
    assert found, "nothing is detected"
    at, first = found[0]
    assert subject.jump <= at < subject.length, at
    assert first.before is not None
    assert first.after is not None
    assert first.after > first.before + 0.03, first
    assert first.p_value is None or 0 <= first.p_value <= 1


def check_leaves_a_still_stream_alone(subject: Subject) -> None:
    assert detections(subject.make(None), stream(subject, still=True)) == []


def check_a_restart_changes_nothing(subject: Subject) -> None:
    values = stream(subject)
    whole = detections(subject.make(None), values)
    # Before, in, and after the warm-up, around the jump, and right at a detection.
    for stop in (0, 1, 29, 250, subject.jump, subject.jump + 10, whole[0][0], whole[0][0] + 1, whole[0][0] + 5):
        before = subject.make(None)
        found = detections(before, values[:stop])
        after = subject.make(through_checkpoint(before.state()))
        found += [(stop + i, one) for i, one in detections(after, values[stop:])]
        assert found == whole, f"restart at {stop}"


def check_goes_on_after_a_detection(subject: Subject) -> None:
    """Down and up again: what went before is forgotten."""
    values = stream(subject) + stream(subject, seed=8)
    found = [at for at, _ in detections(subject.make(None), values)]
    assert any(at >= subject.length + subject.jump for at in found), found


def check_bounded_memory(subject: Subject) -> None:
    detector, sizes = subject.make(None), []
    for _ in range(4):
        detections(detector, stream(subject, still=True))
        sizes.append(len(dump(detector.state())))
    assert sizes[-1] < STATE_BYTES, sizes
    # A window may grow with the logarithm of the stream.
    assert all(b < 1.25 * a for a, b in pairwise(sizes)), sizes


def check_refuses_what_is_no_number(subject: Subject) -> None:
    detector = subject.make(None)
    detections(detector, stream(subject)[:500])
    before = dump(detector.state())
    for value in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match="no finite number"):
            detector.update(value)
    if subject.boolean:
        with pytest.raises(ValueError, match="neither 0 nor 1"):
            detector.update(0.5)
    assert dump(detector.state()) == before, "a refused value leaves a trace"


def check_constants(subject: Subject) -> None:
    for value in (0.0, 1.0):
        assert detections(subject.make(None), [value] * 2_000) == []


def check_the_same_for_the_same(subject: Subject) -> None:
    values = stream(subject)
    assert detections(subject.make(None), values) == detections(subject.make(None), values)


CHECKS: tuple[Callable[[Subject], None], ...] = (
    check_sees_a_jump,
    check_leaves_a_still_stream_alone,
    check_a_restart_changes_nothing,
    check_goes_on_after_a_detection,
    check_bounded_memory,
    check_refuses_what_is_no_number,
    check_constants,
    check_the_same_for_the_same,
)
