"""What a trainer knows about one model: all that a checkpoint holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from trimtab.sequential.watch import SequentialState
from trimtab.training.anchors import Anchors
from trimtab.training.betting import BettingTest
from trimtab.training.change_point import ChangePoint
from trimtab.training.inventory import Inventory
from trimtab.training.lineage import Lineage
from trimtab.training.preparing import Preparing
from trimtab.training.race import Candidate, Race, Trigger
from trimtab.training.tally import Tally

__all__ = ["PastChampion", "Proposal", "Shadow", "TrainerState", "lineages_of"]


@dataclass(slots=True, eq=False)
class PastChampion:
    """A version that may serve again: its frozen model, and the lineage that learnt on when it was promoted."""

    version: int
    model: Any
    lineage: Lineage
    watch: BettingTest = field(default_factory=lambda: BettingTest(restart=True))


@dataclass(slots=True, eq=False)
class Proposal:
    """A winner that is a version, and not champion yet: it waits for approval, or serves a share of the keys.

    Parameters
    ----------
    race
        Numbers of the race it won.
    expires_ms
        Event time at which nobody may approve it any more; None when it needs no approval, or has it.
    step
        The canary's step, from 0; -1 while it waits.
    harm
        Evidence, at this step, that its loss is larger than the champion's.
    """

    version: int
    candidate: Candidate
    trigger: Trigger
    race: dict[str, float]
    expires_ms: int | None = None
    step: int = -1
    harm: BettingTest = field(default_factory=BettingTest)

    @property
    def waits(self) -> bool:
        """Whether it waits for approval."""
        return self.step < 0


@dataclass(slots=True, eq=False)
class Shadow:
    """A model that learns and is scored beside the champion, and never serves."""

    lineage: Lineage
    count: int = 0
    loss: float = 0.0
    champion_loss: float = 0.0


@dataclass(slots=True, eq=False)
class TrainerState:
    """What a checkpoint holds. ``champions`` ends with the one that serves; times are event time.

    ``preparing`` are the replays that a race waits for; it is ``ready`` once the record is learnt with which it begins.
    ``produced_ms`` is Kafka's time of the newest example.
    """

    lineage: Lineage
    offset: int = -1
    count: int = 0
    next_version: int = 1
    champions: list[PastChampion] = field(default_factory=list)
    race: Race | None = None
    pending: Trigger | None = None
    proposal: Proposal | None = None
    cooldown_until_ms: int | None = None
    next_schedule_ms: int | None = None
    next_cron_ms: int | None = None
    changed_ms: int | None = None
    changed_count: int = 0
    raced_ms: int | None = None
    raced_count: int = 0
    starts_ms: list[int] = field(default_factory=list)
    event_time_ms: int = 0
    first_performance: Tally | None = None
    sequential: SequentialState = field(default_factory=SequentialState)
    inventory: Inventory = field(default_factory=Inventory)
    anchors: Anchors = field(default_factory=Anchors)
    change: ChangePoint | None = None
    preparing: Preparing | None = None
    ready: bool = False
    produced_ms: int = 0
    shadows: dict[str, Shadow] = field(default_factory=dict)

    @property
    def champion(self) -> PastChampion | None:
        """The version that serves, or None before the first."""
        return self.champions[-1] if self.champions else None

    @property
    def racing(self) -> list[Candidate]:
        """The candidates of the race."""
        return [] if self.race is None else list(self.race.candidates)

    @property
    def contenders(self) -> list[Candidate]:
        """Those that race, and the one that is proposed."""
        return self.racing + ([] if self.proposal is None else [self.proposal.candidate])


def lineages_of(state: TrainerState) -> list[Lineage]:
    """Every model that learns, once."""
    found = [state.lineage, *(champion.lineage for champion in state.champions)]
    found += [candidate.lineage for candidate in state.contenders]
    found += [shadow.lineage for shadow in state.shadows.values()]
    return list({id(lineage): lineage for lineage in found}.values())
