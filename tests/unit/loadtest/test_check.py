"""The check is an oracle: it must pass what is right, and find each way in which one thing is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from loadtest.peers.check import Check, check_peer, check_trimtab, worst
from loadtest.peers.truth import Truth, WindowTruth

Messages = list[dict[str, Any]]

TRUTH: Truth = {
    start: WindowTruth(100, {"f0": 0.25, "f1": 0.5}, {"f0": 0.1 + 0.2, "f1": 0.125}) for start in (0, 10_000, 20_000)
}


def peer_messages() -> Messages:
    return [{"start_ms": start, "events": 100, "psi": dict(window.psi)} for start, window in TRUTH.items()]


def metrics() -> Messages:
    found = []
    for start, window in TRUTH.items():
        found.append({"statistic": "events", "feature": None, "start_ms": start, "value": 100.0})
        found.append({"statistic": "ks", "feature": "f0", "start_ms": start, "value": 9.0})
        for name, value in window.trimtab_psi.items():
            found.append({"statistic": "psi", "feature": name, "start_ms": start, "value": value})
    return found


def psi_of(found: Messages) -> dict[str, Any]:
    return next(metric for metric in found if metric["statistic"] == "psi")


def test_a_right_peer_is_complete() -> None:
    check = check_peer(peer_messages(), TRUTH, late=0)
    assert check == Check(3, 3, 0, 300, 300, 0, 0.0)
    assert check.complete


@pytest.mark.parametrize("off", [-1, 1])
def test_a_peer_whose_count_is_off_by_one_is_found(off: int) -> None:
    messages = peer_messages()
    messages[1]["events"] += off
    check = check_peer(messages, TRUTH, late=0)
    assert (check.full_windows, check.other_windows, check.events) == (2, 1, 300 + off)
    assert not check.complete


@pytest.mark.parametrize(
    "change",
    [
        lambda messages: messages.pop(),
        lambda messages: messages.append(messages[0]),
        lambda messages: messages.append({"start_ms": 5, "events": 0, "psi": {}}),
        lambda messages: messages.clear(),
    ],
    ids=["a window is missing", "a window is there twice", "a window that is none", "nothing"],
)
def test_a_peer_with_other_windows_is_found(change: Callable[[Messages], None]) -> None:
    messages = peer_messages()
    change(messages)
    assert not check_peer(messages, TRUTH, late=0).complete


def test_late_events_are_found_even_when_the_windows_are_full() -> None:
    assert not check_peer(peer_messages(), TRUTH, late=1).complete


def test_the_largest_difference_of_psi_is_reported() -> None:
    messages = peer_messages()
    messages[2]["psi"]["f1"] += 0.0625
    assert check_peer(messages, TRUTH, late=0).max_psi_error == 0.0625


def test_a_peer_without_psi_has_no_difference() -> None:
    messages: Messages = [message | {"psi": None} for message in peer_messages()]
    check = check_peer(messages, TRUTH, late=0)
    assert check.complete
    assert check.max_psi_error is None


def test_right_metrics_of_trimtab_are_complete_and_exact() -> None:
    check = check_trimtab(metrics(), TRUTH)
    assert check.complete
    assert check.psi_exact
    assert check.max_psi_error == pytest.approx(0.375)


@pytest.mark.parametrize("off", [-1, 1])
def test_a_window_of_trimtab_whose_count_is_off_by_one_is_found(off: int) -> None:
    found = metrics()
    found[0]["value"] += off
    check = check_trimtab(found, TRUTH)
    assert (check.full_windows, check.events) == (2, 300 + off)
    assert not check.complete


def test_a_psi_that_is_off_by_its_last_bit_is_found() -> None:
    found = metrics()
    psi_of(found)["value"] = math.nextafter(psi_of(found)["value"], 1.0)
    check = check_trimtab(found, TRUTH)
    assert check.psi_exact is False
    assert not check.complete


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.remove(psi_of(found)),
        lambda found: found.append(psi_of(found)),
        lambda found: found.append(psi_of(found) | {"start_ms": 5}),
    ],
    ids=["a PSI is missing", "a PSI is there twice", "a PSI of no window"],
)
def test_other_psi_records_are_found(change: Callable[[Messages], None]) -> None:
    found = metrics()
    change(found)
    assert check_trimtab(found, TRUTH).psi_exact is False


def test_late_events_of_trimtab_are_found() -> None:
    late = {"statistic": "late_events", "feature": None, "start_ms": 0, "value": 1.0}
    check = check_trimtab([*metrics(), late], TRUTH)
    assert check.late == 1
    assert not check.complete


def test_the_worst_of_many_checks() -> None:
    right = check_peer(peer_messages(), TRUTH, late=0)
    wrong = check_peer(peer_messages()[:2], TRUTH, late=7)
    exact = check_trimtab(metrics(), TRUTH)
    found = worst([right, wrong, right])
    assert found is not None
    assert (found.full_windows, found.events, found.late, found.psi_exact) == (2, 200, 7, None)
    assert not found.complete
    both = worst([right, exact])
    assert both is not None
    assert both.psi_exact
    assert worst([]) is None
