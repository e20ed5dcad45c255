"""When a race is due, and what holds it back: pure, in event time."""

from __future__ import annotations

from datetime import UTC, datetime

from croniter import croniter

from trimtab.config import Triggers, format_ms
from trimtab.training.race import Trigger
from trimtab.training.state import TrainerState

__all__ = ["due", "next_cron_ms", "note_start", "obstacle", "set_clocks", "wind"]

_DAY_MS = 86_400_000


def next_cron_ms(cron: str, after_ms: int) -> int:
    """The first time after ``after_ms`` that a cron schedule names, in UTC; both are milliseconds since 1970.

    Examples
    --------
    >>> next_cron_ms("0 3 * * *", 0), next_cron_ms("0 3 * * *", 10_800_000)
    (10800000, 97200000)
    """
    after = datetime.fromtimestamp(after_ms / 1_000, UTC)
    seconds: float = croniter(cron, after).get_next(float)
    return round(seconds * 1_000)


def obstacle(state: TrainerState, spec: Triggers) -> str | None:
    """Why no race may start now."""
    return _busy(state) or _held_back(state, spec)


def _busy(state: TrainerState) -> str | None:
    if state.champion is None:
        return "no version is served yet"
    if state.race is not None:
        return "a race is running"
    if state.preparing is not None:
        return "candidates are replaying their examples for a race"
    if state.proposal is not None:
        return "a winner waits for approval" if state.proposal.waits else "a canary is being tried"
    return None


def _held_back(state: TrainerState, spec: Triggers) -> str | None:
    if state.cooldown_until_ms is not None and state.event_time_ms < state.cooldown_until_ms:
        return "cooldown"
    labelled = state.count - state.changed_count
    if labelled < spec.min_examples:
        return f"{labelled} examples since the champion changed; triggers.min_examples is {spec.min_examples}"
    started = sum(start > state.event_time_ms - _DAY_MS for start in state.starts_ms)
    if spec.max_per_day is not None and started >= spec.max_per_day:
        return f"{started} races in {format_ms(_DAY_MS)}; triggers.max_per_day is {spec.max_per_day}"
    return None


def due(state: TrainerState, spec: Triggers) -> Trigger | None:
    """The trigger whose time has come, without an alert or a command."""
    now = state.event_time_ms
    if state.champion is None:
        return None
    if spec.every_examples is not None and state.count - state.raced_count >= spec.every_examples:
        return Trigger("examples")
    if spec.schedule is not None and state.next_schedule_ms is not None and now >= state.next_schedule_ms:
        return Trigger("schedule")
    if spec.cron is not None and state.next_cron_ms is not None and now >= state.next_cron_ms:
        return Trigger("cron")
    if spec.reference_age is not None and state.changed_ms is not None:
        since = max(state.changed_ms, state.raced_ms or state.changed_ms)
        if now - since >= spec.reference_age:
            return Trigger("reference_age")
    return None


def note_start(state: TrainerState, spec: Triggers) -> None:
    """A race starts: what has to pass before the next one is counted from here."""
    now = state.event_time_ms
    state.raced_ms, state.raced_count = now, state.count
    if spec.max_per_day is not None:
        state.starts_ms = [*(start for start in state.starts_ms if start > now - _DAY_MS), now]
    if spec.schedule is not None:
        state.next_schedule_ms = now + spec.schedule
    if spec.cron is not None:
        state.next_cron_ms = next_cron_ms(spec.cron, now)


def wind(state: TrainerState, spec: Triggers) -> None:
    """Start the clocks of schedules that are new in the configuration."""
    if state.champion is None:
        return
    if spec.schedule is not None and state.next_schedule_ms is None:
        state.next_schedule_ms = state.event_time_ms + spec.schedule
    if spec.cron is not None and state.next_cron_ms is None:
        state.next_cron_ms = next_cron_ms(spec.cron, state.event_time_ms)


def set_clocks(state: TrainerState, spec: Triggers) -> None:
    """The champion has changed."""
    now = state.event_time_ms
    state.changed_ms, state.changed_count = now, state.count
    state.raced_count = state.count
    state.cooldown_until_ms = now + spec.cooldown
    if spec.schedule is not None:
        state.next_schedule_ms = max(now + spec.schedule, state.cooldown_until_ms)
    if spec.cron is not None:
        state.next_cron_ms = next_cron_ms(spec.cron, now)
