"""The peers' windows in a dict find what the truth says, and leave out what is late."""

from __future__ import annotations

import orjson
import pytest

from loadtest.peers.check import check_peer
from loadtest.peers.formats import encode_json
from loadtest.peers.scripts.histograms import Histograms
from loadtest.peers.scripts.task import BASE_MS, FEATURES, LATENESS_MS, WINDOW_MS
from loadtest.peers.stream import block
from loadtest.peers.truth import truth_of

CLOSES_MS = BASE_MS + WINDOW_MS + LATENESS_MS


def event(time_ms: int) -> bytes:
    return orjson.dumps({"time": time_ms, "features": dict.fromkeys(FEATURES, 0.0)})


def test_they_find_the_truth() -> None:
    histograms = Histograms()
    closed = [metric for k in range(2) for metric in histograms.take(r.value for r in encode_json(block(k)))]
    check = check_peer(closed + histograms.finish(), truth_of(2), histograms.late)
    assert check.complete
    assert check.max_psi_error == pytest.approx(0.0, abs=1e-12)


def test_a_window_stays_open_until_the_lateness_is_over() -> None:
    histograms = Histograms()
    assert histograms.take([event(BASE_MS), event(CLOSES_MS - 1), event(BASE_MS + 1)]) == []
    [closed] = histograms.take([event(CLOSES_MS)])
    assert (closed["start_ms"], closed["events"], histograms.late) == (BASE_MS, 2, 0)


def test_an_event_of_a_closed_window_is_late() -> None:
    histograms = Histograms()
    assert histograms.take([event(CLOSES_MS), event(BASE_MS)]) == []
    assert (histograms.seen, histograms.late) == (2, 1)
    assert [metric["events"] for metric in histograms.finish()] == [1]
