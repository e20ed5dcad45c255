"""Metric records of what a trainer is at: the replay that a race waits for, the race, the canary, and shadows.

``start_ms`` and ``end_ms`` are both now, wall time; ``count`` are the examples that the number rests on. They are
written outside transactions, each second while something runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trimtab.training import Trainer

__all__ = ["metrics_of"]


def metrics_of(trainer: Trainer, replayed: int | None, now_ms: int) -> list[dict[str, Any]]:
    """What is to be told now.

    Parameters
    ----------
    replayed
        Examples that the candidates have replayed so far; None when none do.
    """
    return [*_replay(trainer, replayed, now_ms), *_compared(trainer, now_ms)]


def _replay(trainer: Trainer, replayed: int | None, now_ms: int) -> Iterator[dict[str, Any]]:
    preparing = trainer.state.preparing
    if preparing is not None and replayed is not None:
        share = min(1.0, replayed / max(preparing.examples, 1))
        yield _record(trainer, "", "replayed_share", share, replayed, now_ms)


def _compared(trainer: Trainer, now_ms: int) -> Iterator[dict[str, Any]]:
    state = trainer.state
    race, proposal = state.race, state.proposal
    if race is not None and race.count:
        champion = race.champion.loss / race.count
        yield _record(trainer, "", "race_loss", champion, race.count, now_ms)
        for candidate in race.candidates:
            segment = f"candidate={candidate.kind}"
            yield _record(trainer, segment, "race_loss", candidate.tally.loss / race.count, race.count, now_ms)
            yield _record(trainer, segment, "race_evidence", candidate.test.wealth, race.count, now_ms)
    if proposal is not None and not proposal.waits and proposal.harm.count:
        segment = f"canary={proposal.version}"
        yield _record(trainer, segment, "loss_difference", proposal.harm.mean, proposal.harm.count, now_ms)
        yield _record(trainer, segment, "harm_evidence", proposal.harm.wealth, proposal.harm.count, now_ms)
    for name, shadow in state.shadows.items():
        if shadow.count:
            yield _record(trainer, f"shadow={name}", "loss", shadow.loss / shadow.count, shadow.count, now_ms)
            champion = shadow.champion_loss / shadow.count
            yield _record(trainer, f"shadow={name}", "champion_loss", champion, shadow.count, now_ms)


def _record(trainer: Trainer, segment: str, statistic: str, value: float, count: int, now_ms: int) -> dict[str, Any]:
    champion = trainer.champion
    return {
        "model": trainer.name,
        "version": 0 if champion is None else champion.version,
        "segment": segment,
        "feature": None,
        "statistic": statistic,
        "value": value,
        "p_value": None,
        "histogram": None,
        "count": count,
        "start_ms": now_ms,
        "end_ms": now_ms,
        "status": "ok",
    }
