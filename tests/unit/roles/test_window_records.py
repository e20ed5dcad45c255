"""A window's record says what its metric records say."""

import pytest

from trimtab.events import decode, encode
from trimtab.roles.window_records import window_records


def metric(feature: str | None, statistic: str, value: float, **other: object) -> dict[str, object]:
    return {
        "model": "credit", "version": 7, "segment": "", "feature": feature, "statistic": statistic, "value": value,
        "p_value": None, "count": 100, "start_ms": 0, "end_ms": 10, "status": "ok", "histogram": None, **other,
    }  # fmt: skip


LIMITS = {"psi": 0.25, "ks": 0.2}


def test_numbers_and_the_worst_of_each_feature() -> None:
    metrics = [
        metric(None, "events", 100.0),
        metric(None, "accuracy", 0.9, status="worse"),
        metric("age", "psi", 0.5, status="drift"),
        metric("age", "ks", 0.1, status="drift"),
        metric("age", "unknown", 99.0, status="quality"),
        metric("income", "psi", 0.05),
    ]
    [record] = window_records(metrics, LIMITS)
    assert decode("window", encode("window", record)) == record
    assert record["numbers"] == {
        "events": {"value": 100.0, "count": 100, "status": "ok"},
        "accuracy": {"value": 0.9, "count": 100, "status": "worse"},
    }
    assert record["features"] == {
        "age": {"status": "drift", "effect": 2.0, "count": 100},
        "income": {"status": "ok", "effect": 0.2, "count": 100},
    }


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_the_metrics_does_not_matter(order: int) -> None:
    statuses = ["no_reference", "too_few", "ok", "quality", "drift", "missing"]
    for worst in range(1, len(statuses)):
        metrics = [metric("age", "psi", 0.1, status=status) for status in statuses[: worst + 1]][::order]
        [record] = window_records(metrics, LIMITS)
        assert record["features"]["age"]["status"] == statuses[worst]


def test_segments_versions_and_windows_are_apart() -> None:
    metrics = [
        metric(None, "events", 1.0),
        metric(None, "events", 2.0, segment="plan=pro"),
        metric(None, "events", 3.0, version=8),
        metric(None, "events", 4.0, start_ms=10, end_ms=20),
    ]
    records = window_records(metrics, LIMITS)
    assert [record["numbers"]["events"]["value"] for record in records] == [1.0, 2.0, 3.0, 4.0]


def test_what_belongs_to_no_window_is_left_out() -> None:
    metrics = [metric(None, name, 1.0) for name in ("followers", "refused", "duplicates")]
    assert window_records([*metrics, metric("age", "histogram", 100.0, histogram={})], LIMITS) == []
