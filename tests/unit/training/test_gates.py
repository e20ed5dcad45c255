"""Gates hold back what is better overall and worse where it must not be, and say so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.training.worlds import batches, configured, restarted, run, turning
from trimtab.errors import ConfigError
from trimtab.training import Note, Promotion, Trainer
from trimtab.training.gates import of_race
from trimtab.training.lineage import LearntRange, Lineage
from trimtab.training.race import Candidate
from trimtab.training.tally import Tally
from trimtab.training.task import Prediction

EVERY = "    triggers: {every_examples: 500}\n"


def kinder(model: Any, examples: list[tuple[dict[str, Any], Any]]) -> tuple[float, float]:
    """A gate that measures something."""
    return float(len(examples)), 10_000.0


def harsh(model: Any, examples: list[tuple[dict[str, Any], Any]]) -> bool:
    """A gate that nothing passes."""
    return False


def broken(model: Any, examples: list[tuple[dict[str, Any], Any]]) -> bool:
    """A gate that fails."""
    raise RuntimeError("no such column")


def told(decisions: list[Any]) -> list[tuple[str, Any]]:
    return [(d.action, d.details.get("verdict") or d.details.get("reason")) for d in decisions if isinstance(d, Note)]


def unequal(count: int, turn: int) -> list[Any]:
    """The concept turns round in the eu alone: who learns that is better overall, and worse in the us."""
    return batches(count, lambda i, a, b, region: (a > 0) == (i < turn or region == "us"))


def test_better_overall_and_worse_in_a_protected_segment_is_refused_and_the_audit_says_why() -> None:
    gates = EVERY + "    gates: {protected: [{segment: region, tolerance: 0.05}]}"
    decisions = run(Trainer("m", configured(gates, candidates="[reset]")), unequal(2_500, 520))
    assert not [d for d in decisions if isinstance(d, Promotion) and d.version > 1]
    refused = [d for d in decisions if isinstance(d, Note) and d.action == "refused"]
    assert refused
    details = refused[0].details
    assert details["reason"] == "reset does not pass: protected region=us"
    assert float(details["gate protected region=us"] or 0) > 0.05
    assert details["gate protected region=us limit"] == 0.05
    assert "its loss there is higher by more than the tolerance" in str(details["gate protected region=us why"])
    # Without the gate the same candidate wins, so it is the gate that refuses.
    free = run(Trainer("m", configured(EVERY, candidates="[reset]")), unequal(2_500, 520))
    assert [d for d in free if isinstance(d, Promotion) and d.version > 1]


def test_a_candidate_that_harms_nobody_passes_with_evidence() -> None:
    gates = EVERY + "    gates: {protected: [{segment: region, tolerance: 0.05}], max_calibration_error: 0.5}"
    decisions = run(Trainer("m", configured(gates, candidates="[reset]")), turning(2_500, 520))
    made = [d for d in decisions if isinstance(d, Promotion) and d.version > 1]
    assert made
    gates_passed = {one.gate: one for one in made[0].gates}
    assert {"protected region=eu", "protected region=us", "calibration_error", "snapshot_bytes"} == set(gates_passed)
    assert (gates_passed["protected region=us"].evidence or 0) >= 20


def test_quality_waits_until_the_race_is_over_and_then_refuses() -> None:
    gates = EVERY + "    gates: {quality: [{metric: log_loss, limit: 0.0001}]}"
    decisions = run(Trainer("m", configured(gates, candidates="[reset]")), turning(1_400, 520))
    ended = [d for d in decisions if isinstance(d, Note) and d.action == "race_ended"]
    assert ended[0].details["verdict"] == "refused"
    assert float(ended[0].details["gate log_loss"] or 0) > 0.0001
    assert not [d for d in decisions if isinstance(d, Promotion) and d.version > 1]


@pytest.mark.parametrize(
    ("gate", "why"),
    [("harsh", "it said False"), ("broken", "RuntimeError: no such column"), ("kinder", "")],
)
def test_own_gates(gate: str, why: str) -> None:
    more = EVERY + f'    gates: {{own: ["{__name__}:{gate}"]}}'
    decisions = run(Trainer("m", configured(more, candidates="[reset]")), turning(1_400, 520))
    made = [d for d in decisions if isinstance(d, Promotion) and d.version > 1]
    refused = [d for d in decisions if isinstance(d, Note) and d.action == "refused"]
    assert bool(made) == (gate == "kinder")
    if why:
        assert refused[0].details[f"gate own {__name__}:{gate} why"] == why


def test_golden_examples_hold_back_what_they_do_not_know(tmp_path: Path) -> None:
    golden = tmp_path / "golden.jsonl"
    # After the turn, a large a is a "0": these say that it must stay a "1".
    golden.write_text('{"features": {"a": 3.0, "b": 0.0}, "prediction": "1"}\n')
    more = EVERY + f"    gates: {{golden: {golden}}}"
    decisions = run(Trainer("m", configured(more, candidates="[reset]")), turning(1_400, 520))
    refused = [d for d in decisions if isinstance(d, Note) and d.action == "refused"]
    assert "line 1: predicts '0', not '1'" in str(refused[0].details["gate golden why"])
    golden.write_text(
        '{"features": {"a": 3.0, "b": 0.0}, "prediction": "0", "score": [0, 0.5]}\n'
        '{"features": {"a": 3.0, "b": 0.0, "region": "eu"}, '
        '"same_as": {"a": 3.0, "b": 0.0, "region": "us"}, "within": 0.001}\n'
    )
    decisions = run(Trainer("m", configured(more, candidates="[reset]")), turning(1_400, 520))
    assert [d for d in decisions if isinstance(d, Promotion) and d.version > 1]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: not JSON"),
        ('{"features": {"a": 1}}', "give prediction, score or same_as"),
        ('{"features": {"z": 1}, "prediction": "1"}', "z: not a feature"),
        ('{"features": {"a": "x"}, "prediction": "1"}', "line 2"),
        ('{"features": {"a": 1}, "score": [1]}', "line 2"),
        ('{"features": {"a": 1}, "prediction": "1", "wanted": 3}', "may have"),
    ],
)
def test_golden_examples_that_are_none_are_named(tmp_path: Path, line: str, message: str) -> None:
    golden = tmp_path / "golden.jsonl"
    golden.write_text('{"features": {"a": 1.0}, "prediction": "1"}\n' + line)
    with pytest.raises(ConfigError, match=message):
        Trainer("m", configured(f"    gates: {{golden: {golden}}}"))


def test_the_time_of_a_prediction_is_a_gate() -> None:
    more = EVERY + "    gates: {max_predict_ms: 0.0000001}"
    decisions = run(Trainer("m", configured(more, candidates="[reset]")), turning(1_400, 520))
    refused = [d for d in decisions if isinstance(d, Note) and d.action == "refused"]
    assert "reset does not pass: predict_ms_p99" in str(refused[0].details["reason"])


def test_a_restart_in_the_middle_of_a_race_changes_nothing() -> None:
    gates = EVERY + "    gates: {protected: [{segment: region, tolerance: 0.05}], max_calibration_error: 0.5}"
    config, log = configured(gates, candidates="[continue, reset]"), turning(2_000, 520)
    expected = [repr(one) for one in told(run(Trainer("m", config), log))]
    for stop in range(30, len(log), 23):
        before = Trainer("m", config)
        lines = told(run(before, log[:stop]))
        lines += told(run(restarted(before), log[stop:]))
        assert [repr(one) for one in lines] == expected


def tally(rights: int, sure: float) -> Tally:
    """Of a hundred examples, so many right, each with one certainty."""
    made = Tally()
    for number in range(100):
        made.take(Prediction("1", sure), "1" if number < rights else "0", 0.0)
    made.settle("binary")
    return made


@pytest.mark.parametrize(
    ("rights", "sure", "passed"),
    [(90, 0.9, (True, True)), (86, 0.86, (True, None)), (84, 0.9, (None, None)), (90, 0.999, (True, None))],
)
def test_quality_beside_the_champion(rights: int, sure: float, passed: tuple[bool | None, ...]) -> None:
    gates = "    gates: {quality: [{metric: accuracy, within: 0.05}, {metric: log_loss, within: 0}]}"
    candidate = Candidate("other", None, 1, LearntRange(), Lineage(None), tally=tally(rights, sure))
    found = of_race(configured(gates), candidate, tally(90, 0.9), over=False)
    assert tuple(one.passed for one in found) == passed
    assert [one.gate for one in found] == ["accuracy beside champion", "log_loss beside champion"]
    assert found[0].limit == pytest.approx(0.85)
    if passed[0] is None:
        assert found[0].why == "must be at least the champion's - 0.05 in the race"


def test_beside_a_champion_without_probabilities_nobody_has_a_better_log_loss() -> None:
    gates = "    gates: {quality: [{metric: log_loss, within: 0}]}"
    candidate = Candidate("other", None, 1, LearntRange(), Lineage(None), tally=tally(90, 0.9))
    (found,) = of_race(configured(gates), candidate, Tally(), over=True)
    assert found.passed is None


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        ("{protected: [{segment: a}]}", "not a categorical feature"),
        ("{quality: [{metric: mae, limit: 1}]}", "mae does not fit task binary"),
        ("{quality: [{metric: accuracy}]}", "accuracy: give limit, or within"),
        ("{quality: [{metric: accuracy, limit: 0.5, within: 0.1}]}", "accuracy: give limit, or within"),
        ("{quality: [{metric: accuracy, within: -0.1}]}", "greater than or equal to 0"),
        ("{own: ['no good']}", "must look like package.module:name"),
    ],
)
def test_gates_that_cannot_be_are_refused(gates: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        configured(f"    gates: {gates}")
