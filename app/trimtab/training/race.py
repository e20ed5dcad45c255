"""A race: candidates against the champion on the same fresh examples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from trimtab.config import RaceSpec
from trimtab.training.betting import BettingTest
from trimtab.training.lineage import LearntRange, Lineage

__all__ = ["Candidate", "Race", "Trigger"]


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts a race: drift, performance, schedule or command."""

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
    loss: float = 0.0


@dataclass(slots=True, eq=False)
class Race:
    """Candidates, the trigger, and how many fresh examples have been seen."""

    trigger: Trigger
    started_offset: int
    candidates: list[Candidate]
    count: int = 0
    champion_loss: float = 0.0

    def score(self, champion_loss: float, losses: list[float]) -> None:
        """Losses of the champion and of each candidate on one example, all in [0, 1]."""
        self.count += 1
        self.champion_loss += champion_loss
        for candidate, loss in zip(self.candidates, losses, strict=True):
            candidate.loss += loss
            candidate.test.update(champion_loss - loss)

    def winner(self, spec: RaceSpec) -> Candidate | None:
        """The candidate with the most evidence, if it is enough; alpha is shared by the candidates."""
        if self.count < spec.min_examples or not self.candidates:
            return None
        best = max(self.candidates, key=lambda candidate: candidate.test.wealth)
        enough = best.test.wealth >= len(self.candidates) / spec.alpha
        return best if enough and best.test.mean >= spec.min_effect else None

    def numbers(self, candidate: Candidate) -> dict[str, float]:
        """What a manifest tells of the race."""
        count = max(self.count, 1)
        return {
            "examples": float(self.count),
            "champion_loss": self.champion_loss / count,
            "candidate_loss": candidate.loss / count,
            "mean_difference": candidate.test.mean,
            "wealth": candidate.test.wealth,
            "candidates": float(len(self.candidates)),
        }
