"""The alert's life, and its record."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trimtab.alerts import AlertState, Evidence, Phase, Signal, alert_record, fingerprint_of, step, summary_of
from trimtab.config import AlertSpec
from trimtab.events import read_schema

G, B, N = Signal.GOOD, Signal.BAD, Signal.NOTHING
signals = st.lists(st.sampled_from([G, B, N]), max_size=40)
specs = st.builds(AlertSpec, for_windows=st.integers(1, 4), resolve_after=st.integers(1, 4))


def run(words: list[Signal], spec: AlertSpec) -> tuple[AlertState, list[tuple[int, str]]]:
    state = AlertState()
    changes: list[tuple[int, str]] = []
    for end, word in enumerate(words):
        state, change = step(state, word, end, spec)
        if change is not None:
            changes.append((end, change))
    return state, changes


def test_it_fires_after_for_windows_in_a_row_and_resolves_after_good_ones() -> None:
    spec = AlertSpec(for_windows=2, resolve_after=2)
    state, changes = run([B, G, B, N, B, B, G, B, G, N, G], spec)
    assert changes == [(4, "firing"), (10, "resolved")]
    assert state == AlertState()


def test_an_incident_starts_with_its_first_bad_window() -> None:
    state, _ = run([G, B, B, B], AlertSpec(for_windows=3))
    assert (state.phase, state.started_ms) == (Phase.FIRING, 1)


@given(signals, specs)
def test_changes_alternate_and_silence_changes_nothing(words: list[Signal], spec: AlertSpec) -> None:
    state, changes = run(words, spec)
    assert [change for _, change in changes] == ["firing", "resolved"] * (len(changes) // 2) + (
        ["firing"] * (len(changes) % 2)
    )
    assert (state.phase is Phase.FIRING) == (len(changes) % 2 == 1)
    heard = [word for word in words if word is not N]
    assert [change for _, change in run(heard, spec)[1]] == [change for _, change in changes]


@given(signals, specs, st.integers(0, 40))
def test_a_restart_changes_nothing(words: list[Signal], spec: AlertSpec, at: int) -> None:
    state, _ = run(words[:at], spec)
    assert AlertState.from_wire(state.to_wire()) == state


def test_the_record_has_exactly_the_fields_of_its_schema() -> None:
    evidence = Evidence({"psi": 0.3}, {"psi": 0.0}, {"psi": 0.25}, 500, 0, 100, 7, "r1", {1: (3, 9)}, ("psi",))
    record = alert_record(
        "firing",
        model="m",
        version=2,
        kind="drift",
        feature="age",
        segment="",
        started_ms=100,
        raised_ms=8,
        evidence=evidence,
    )
    schema = read_schema("alert")
    assert list(record) == [field["name"] for field in schema["fields"]]
    inner = next(field["type"] for field in schema["fields"] if field["name"] == "evidence")
    assert list(record["evidence"]) == [field["name"] for field in inner["fields"]]
    assert record["incident"] == fingerprint_of("m", "drift", "age", "") + "-100"
    assert record["summary"] == "Feature age of m@2 has drifted: psi 0.3 (threshold 0.25) over 500 events."


def test_sentences_of_the_other_kinds() -> None:
    common = {"served": "m@2", "segment": "", "exceeded": (), "count": 1000}
    worse = summary_of(
        "firing",
        kind="performance",
        feature="accuracy",
        statistics={"accuracy": 0.81},
        thresholds={"accuracy": 0.85},
        **common,  # type: ignore[arg-type]
    )
    assert worse == "The accuracy of m@2 is worse than it may be: 0.81 (limit 0.85) over 1,000 labelled predictions."
    missing = summary_of(
        "firing",
        kind="missing",
        feature="age",
        statistics={"missing_rate": 0.3},
        thresholds={"missing_rate": 0.05},
        **common,  # type: ignore[arg-type]
    )
    assert missing == (
        "Feature age of m@2 is missing more often: its missing rate moved by 0.3 (threshold 0.05) over 1,000 events."
    )
