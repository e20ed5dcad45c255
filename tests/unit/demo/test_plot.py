"""What is drawn: rolling accuracy, thinning, marks, and an escaped page."""

from trimtab.demo.plot import Chart, Curve, Mark, page, rolling, thin
from trimtab.demo.run import marks


def test_rolling_accuracy_forgets_what_left_the_window() -> None:
    right = [True] * 10 + [False] * 10
    values = rolling(right, 10)
    assert (values[9], values[14], values[19]) == (1.0, 0.5, 0.0)
    assert rolling([], 10) == []


def test_thinning_keeps_both_ends() -> None:
    kept = thin(10_001, 100)
    assert (kept[0], kept[-1]) == (0, 10_000)
    assert len(kept) <= 102
    assert thin(0) == []


def test_the_page_escapes_and_needs_nothing_else() -> None:
    chart = Chart("<b>&", [0, 1_800_000], 0, [Curve("c", [True, False])], [Mark(9, "l", "drift", "<script>")])
    text = page(chart, b"png", {"<x>": "1"})
    assert "<script>" not in text
    assert "&lt;b&gt;&amp;" in text
    assert "http" not in text.replace("http-equiv", "")


def test_marks_are_firing_alerts_and_later_versions() -> None:
    alert = {"row": 5, "model": "m", "kind": "drift", "feature": "x", "state": "firing"}
    version = {"model": "m", "version": 1, "row": 3, "candidate": "first", "trigger": "first"}
    found = {
        "alerts": [alert, alert | {"state": "resolved"}],
        "versions": [version, version | {"version": 2, "row": 9, "candidate": "reset", "trigger": "drift"}],
    }
    assert [(m.row, m.kind) for m in marks(found)] == [(5, "drift"), (9, "promotion")]
