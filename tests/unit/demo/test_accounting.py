"""What counts as accounted for."""

from typing import Any

from trimtab.demo.accounting import Account


def metric(statistic: str, value: float, **over: Any) -> dict[str, Any]:
    record = {"model": "m", "version": 1, "segment": "", "feature": None, "statistic": statistic, "value": value}
    return record | {"start_ms": 0, "end_ms": 10} | over


def test_every_window_counts_once() -> None:
    account = Account()
    for _ in range(2):
        account.metric(metric("events", 5))
        account.metric(metric("labelled", 4))
    account.metric(metric("events", 6, start_ms=10, end_ms=20))
    account.metric(metric("events", 7, version=2))
    assert account.by_statistic == {"events": 18, "labelled": 4}


def test_late_events_add_up() -> None:
    account = Account()
    account.metric(metric("late_events", 1))
    account.metric(metric("late_events", 1))
    assert account.counted == 2


def test_segments_and_other_statistics_do_not_count() -> None:
    account = Account()
    account.metric(metric("events", 5, segment="a=b"))
    account.metric(metric("psi", 5, feature="x"))
    assert account.counted == 0
    assert account.lost(3, 1) == 2
