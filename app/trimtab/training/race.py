"""A race: candidates against the champion on the same fresh examples."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from trimtab.config import RaceSpec
from trimtab.training.betting import BettingTest
from trimtab.training.lineage import LearntRange, Lineage
from trimtab.training.protection import Protection
from trimtab.training.tally import Tally

__all__ = ["Candidate", "Race", "Trigger"]


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts a race: drift, performance, examples, schedule, cron, reference_age or command."""

    kind: str
    incident: str | None = None
    actor: str = "trainer"


@dataclass(slots=True, eq=False)
class Candidate:
    """One candidate.

    ``scored`` is what would be served and what is scored: a frozen copy made when the race began, which had learnt
    ``learnt``; or, for an online champion, the learning model itself. ``lineage`` learns on, and ``since`` is what
    it has learnt after the copy was made.
    """

    kind: str
    scored: Any
    parent: int | None
    learnt: LearntRange
    lineage: Lineage
    since: LearntRange = field(default_factory=LearntRange)
    test: BettingTest = field(default_factory=BettingTest)
    tally: Tally = field(default_factory=Tally)
    protection: Protection = field(default_factory=Protection)


@dataclass(slots=True, eq=False)
class Race:
    """Candidates, the trigger, and how many fresh examples have been seen.

    ``entered`` candidates share alpha, also when a gate has turned some of them away.
    """

    trigger: Trigger
    started_offset: int
    candidates: list[Candidate]
    count: int = 0
    champion: Tally = field(default_factory=Tally)
    entered: int = 0

    def __post_init__(self) -> None:
        self.entered = self.entered or len(self.candidates)

    def ahead(self, spec: RaceSpec) -> list[Candidate]:
        """Candidates with evidence and effect enough, the one with the most evidence first."""
        if self.count < spec.min_examples:
            return []
        enough = self.entered / spec.alpha
        found = [one for one in self.candidates if one.test.wealth >= enough and one.test.mean >= spec.min_effect]
        return sorted(found, key=lambda one: -one.test.wealth)

    def numbers(self, candidate: Candidate) -> dict[str, float]:
        """What a manifest tells of the race."""
        count = max(self.count, 1)
        numbers = {
            "examples": float(self.count),
            "champion_loss": self.champion.loss / count,
            "candidate_loss": candidate.tally.loss / count,
            "mean_difference": candidate.test.mean,
            "wealth": candidate.test.wealth,
            "candidates": float(self.entered),
        }
        error = candidate.tally.calibration_error
        return numbers if math.isnan(error) else numbers | {"calibration_error": error}
