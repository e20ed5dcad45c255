"""Every registered detector passes every check, and every check fails on a detector that deserves it."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.sequential import checks
from tests.unit.sequential.checks import CHECKS, Subject
from trimtab.config import DETECTORS, SequentialSpec
from trimtab.config.sequential import BOOLEAN_ONLY
from trimtab.sequential import Detection, Detector, make_detector, names

# It makes a test with each example, at half a millisecond each.
JUMPS = {"kswin": 700}


def subject(name: str, on: str) -> Subject:
    spec = SequentialSpec.model_validate({"detector": name, "on": on})
    return Subject(name, on, functools.partial(make_detector, spec, "binary"), on == "error", JUMPS.get(name, 3_000))


SUBJECTS = [
    subject(name, on) for name in DETECTORS for on in ("error", "score") if on == "error" or name not in BOOLEAN_ONLY
]


def test_the_configuration_lists_the_registry() -> None:
    assert set(names()) == set(DETECTORS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda s: f"{s.name}-{s.on}")
def test_conformance(subject: Subject, check: Callable[[Subject], None]) -> None:
    check(subject)


@pytest.mark.parametrize("name", sorted(BOOLEAN_ONLY))
def test_right_and_wrong_only(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} takes right or wrong only"):
        make_detector(SequentialSpec(detector=name, on="score"), "binary")
    with pytest.raises(ValueError, match=f"{name} takes right or wrong only"):
        make_detector(SequentialSpec(detector=name), "regression")


class Level(Detector):
    """Alarms when the mean of the last 50 values is above a level; each flaw spoils one thing."""

    name = "level"
    flaw = ""

    def state(self) -> Any:
        return [] if self.flaw == "forgetful" else self._last

    def _start(self, state: Any) -> None:
        self._last: list[float] = list(state or ())

    def _update(self, value: float) -> Detection | None:
        if self.flaw == "deaf":
            return None
        self._last.append(value)
        if self.flaw != "hoarding":
            del self._last[:-50]
        mean = sum(self._last[-50:]) / 50
        if mean <= (0.05 if self.flaw == "jumpy" else 0.45) or (self.flaw == "moody" and random.random() < 0.5):
            return None
        if self.flaw != "once":
            self._last = []
        return Detection(0.1, mean)

    def update(self, value: float) -> Detection | None:
        if self.flaw == "careless":
            return self._update(value)
        return super().update(value)


def level(flaw: str) -> Subject:
    made = type("Flawed", (Level,), {"flaw": flaw})
    return Subject("level", "error", lambda state: made({}, on="error", boolean=True, state=state), True)


def deaf_after_the_first() -> Subject:
    class Once(Level):
        def _update(self, value: float) -> Detection | None:
            if self._last and math.isinf(self._last[0]):
                return None
            found = super()._update(value)
            if found is not None:
                self._last = [math.inf]
            return found

    return Subject("level", "error", lambda state: Once({}, on="error", boolean=True, state=state), True)


@pytest.mark.parametrize(
    ("check", "broken"),
    [
        (checks.check_sees_a_jump, level("deaf")),
        (checks.check_leaves_a_still_stream_alone, level("jumpy")),
        (checks.check_a_restart_changes_nothing, level("forgetful")),
        (checks.check_goes_on_after_a_detection, deaf_after_the_first()),
        (checks.check_bounded_memory, level("hoarding")),
        (checks.check_refuses_what_is_no_number, level("careless")),
        (checks.check_constants, level("")),
        (checks.check_the_same_for_the_same, level("moody")),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_check_can_fail(check: Callable[[Subject], None], broken: Subject) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check(broken)


def test_a_good_detector_passes_but_for_the_constants() -> None:
    """So that each flaw above is what its check found."""
    for check in CHECKS:
        if check is not checks.check_constants:
            check(level(""))
