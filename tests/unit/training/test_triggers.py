"""What starts a race, and what is said when it does not."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.unit.training.worlds import configured, run, turning
from trimtab.errors import ConfigError
from trimtab.training import Note, Trainer, Trigger

DAY_MS = 86_400_000


def notes(trainer: Trainer, *logs: object) -> list[tuple[str, str, str | None]]:
    """Action, trigger and reason of every note about a start."""
    found = []
    for log in logs:
        for one in run(trainer, log):  # type: ignore[arg-type]  # lists of batches
            if isinstance(one, Note) and one.action in ("race_started", "race_not_started"):
                found.append((one.action, one.trigger, one.details.get("reason")))
    return found  # type: ignore[return-value]  # reasons are texts


def test_a_number_of_examples_starts_a_race_again_and_again() -> None:
    trainer = Trainer("m", configured("    triggers: {every_examples: 700}"))
    started = []
    for batch in turning(4_000, 9_999):
        for one in trainer.on_batch(batch):
            if isinstance(one, Note) and one.action == "race_started":
                started.append(trainer.state.count)
                assert one.trigger == "examples"
    # The race ends after 600 without a winner, so it never holds the next one back.
    assert len(started) == 4
    assert all(700 <= b - a < 720 for a, b in pairwise(started))


def test_cron_is_in_utc_and_event_time() -> None:
    trainer = Trainer("m", configured('    triggers: {cron: "30 6 * * *"}'))
    times = []
    for batch in turning(3_000, 9_999, step_ms=DAY_MS // 1_000):
        for one in trainer.on_batch(batch):
            if isinstance(one, Note) and one.action == "race_started":
                times.append(trainer.state.event_time_ms)
    assert [time // DAY_MS for time in times] == [0, 1, 2]
    assert all(390 * 60_000 <= time % DAY_MS < 390 * 60_000 + 20 * DAY_MS // 1_000 for time in times)


def test_a_reference_that_is_old_starts_a_race_and_one_that_lost_waits_as_long_again() -> None:
    trainer = Trainer("m", configured("    triggers: {reference_age: 1s}"))
    assert notes(trainer, turning(3_500, 9_999)) == [("race_started", "reference_age", None)] * 3


@pytest.mark.parametrize(
    ("triggers", "reason"),
    [
        ("min_examples: 300", "examples since the champion changed; triggers.min_examples is 300"),
        ("cooldown: 300ms", "cooldown"),
    ],
)
def test_what_holds_a_trigger_back_is_told_once_and_it_starts_afterwards(triggers: str, reason: str) -> None:
    trainer = Trainer("m", configured(f"    triggers: {{{triggers}}}"))
    log = turning(1_500, 9_999)
    run(trainer, log[:30])
    assert trainer.champion is not None
    (told,) = trainer.on_trigger(Trigger("drift", "i-1"))
    assert isinstance(told, Note)
    assert (told.action, told.incident) == ("race_not_started", "i-1")
    assert reason in str(told.details["reason"])
    assert notes(trainer, log[30:]) == [("race_started", "drift", None)]


def test_no_more_races_in_a_day_than_allowed() -> None:
    trainer = Trainer("m", configured("    triggers: {every_examples: 650, max_per_day: 2}"))
    found = notes(trainer, turning(4_000, 9_999))
    reason = "2 races in 1d; triggers.max_per_day is 2"
    assert found == [("race_started", "examples", None)] * 2 + [("race_not_started", "examples", reason)]


def test_a_trigger_before_the_first_version_waits_for_it() -> None:
    trainer = Trainer("m", configured())
    (told,) = trainer.on_trigger(Trigger("command", None, "ann"), {"order": "o1"})
    assert isinstance(told, Note)
    assert (told.actor, told.details["reason"], told.details["order"]) == ("ann", "no version is served yet", "o1")
    assert notes(trainer, turning(400, 9_999)) == [("race_started", "command", None)]


@pytest.mark.parametrize("cron", ["every day", "0 3 * *", "0 3 * * * *", "61 3 * * *"])
def test_a_wrong_cron_schedule_is_refused(cron: str) -> None:
    with pytest.raises(ConfigError, match="not a cron schedule"):
        configured(f'    triggers: {{cron: "{cron}"}}')
