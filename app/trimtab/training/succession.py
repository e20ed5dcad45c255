"""Who is champion after whom: versions are made, appointed, proposed, tried on a share of keys, and rolled back.

::

    winner ──version──► champion                            promotion auto, no canary
       └────version──► proposal ──approved──► canary 1 % ─► 10 % ─► 50 % ──► champion
                           │                     └── harm shown ──► withdrawn
                           └── nobody approves in time ──► withdrawn

Pure, as everything that decides here.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from trimtab.config import ModelConfig
from trimtab.training.betting import BettingTest
from trimtab.training.change_point import ChangePoint
from trimtab.training.decisions import Appointment, Canary, Decision, Deletion, Promotion, Rollback
from trimtab.training.gates import GateResult
from trimtab.training.inventory import said
from trimtab.training.lineage import LearntRange, Lineage
from trimtab.training.race import Candidate, Trigger
from trimtab.training.recent import Recent
from trimtab.training.state import PastChampion, Proposal, TrainerState, lineages_of
from trimtab.training.triggers import set_clocks

__all__ = ["Succession"]

Details = Mapping[str, float | str | None]


class Succession:
    """Changes of champion of one model.

    Parameters
    ----------
    name
        The model's.
    state
        Changed by every method.
    recent
        For the references of new versions.
    """

    def __init__(self, name: str, config: ModelConfig, state: TrainerState, recent: Recent) -> None:
        self._name = name
        self._config = config
        self._state = state
        self._recent = recent
        self._online = config.mode == "online"

    def first(self, metrics: dict[str, float], gates: list[GateResult]) -> Promotion:
        """What was learnt so far becomes version 1."""
        lineage = self._state.lineage
        candidate = Candidate("first", copy.deepcopy(lineage.model), None, lineage.learnt.copy(), lineage)
        return self.promote(candidate, Trigger("first"), metrics, None, gates)

    def promote(
        self,
        candidate: Candidate,
        trigger: Trigger,
        metrics: dict[str, float],
        race: dict[str, float] | None,
        gates: list[GateResult],
    ) -> Promotion:
        """Make a candidate the champion, and let its lineage learn on from there."""
        made = self._version(candidate, trigger, metrics, race, gates, serves=True)
        self._crown(PastChampion(made.version, candidate.scored, candidate.lineage))
        return made

    def propose(
        self,
        candidate: Candidate,
        trigger: Trigger,
        metrics: dict[str, float],
        race: dict[str, float],
        gates: list[GateResult],
    ) -> list[Decision]:
        """Make a candidate a version that is not champion yet."""
        made = self._version(candidate, trigger, metrics, race, gates, serves=False)
        proposal = Proposal(made.version, candidate, trigger, race)
        self._state.proposal = proposal
        if self._config.gates.promotion != "approve":
            return [made, *self.accept(trigger.actor)]
        proposal.expires_ms = self._state.event_time_ms + self._config.gates.approval_expires
        details: Details = {"candidate": candidate.kind, **race}
        waits = Canary(made.version, 0.0, trigger.kind, trigger.incident, "trainer", "waiting_for_approval", details)
        return [made, waits]

    def accept(self, actor: str, details: Details | None = None) -> list[Decision]:
        """The proposal goes on: to the canary's first step, or to champion."""
        proposal = self._proposal()
        proposal.expires_ms = None
        return self._step(proposal, actor, details)

    def check_proposal(self) -> list[Decision]:
        """What becomes of the proposal after a batch."""
        proposal, spec = self._state.proposal, self._config.canary
        if proposal is None:
            return []
        if proposal.waits:
            if proposal.expires_ms is None or self._state.event_time_ms < proposal.expires_ms:
                return []
            return self.withdraw("approval_expired", "trainer", {"expired_ms": float(proposal.expires_ms)})
        harm = proposal.harm
        numbers = {"examples": float(harm.count), "mean_difference": -harm.mean, "wealth": harm.wealth}
        if harm.wealth >= 1.0 / spec.alpha:
            return self.withdraw("canary_withdrawn", "trainer", {"step": float(proposal.step), **numbers})
        return self._step(proposal, "trainer", numbers) if harm.count >= spec.examples else []

    def _step(self, proposal: Proposal, actor: str, told: Details | None = None) -> list[Decision]:
        """To the next share of keys; after the last one, champion.

        Parameters
        ----------
        told
            Numbers of the step before, or the order, for the audit log.
        """
        steps, trigger = self._config.canary.steps, proposal.trigger
        proposal.step += 1
        if proposal.step >= len(steps):
            return self._appoint_proposal(proposal, actor, told or {})
        proposal.harm = BettingTest()
        share = steps[proposal.step]
        details = {"share": share, "step": float(proposal.step), **(told or {})}
        return [Canary(proposal.version, share, trigger.kind, trigger.incident, actor, "canary_step", details)]

    def _appoint_proposal(self, proposal: Proposal, actor: str, told: Details) -> list[Decision]:
        state, candidate, trigger = self._state, proposal.candidate, proposal.trigger
        replaced = None if state.champion is None else state.champion.version
        state.proposal = None
        state.inventory.served.add(proposal.version)
        self._crown(PastChampion(proposal.version, candidate.scored, candidate.lineage))
        details = {"candidate": candidate.kind, **{f"race {k}": v for k, v in proposal.race.items()}, **told}
        ends = Canary(proposal.version, None, trigger.kind, trigger.incident, actor, "", {})
        return [Appointment(proposal.version, replaced, actor, details, trigger.kind, trigger.incident), ends]

    def withdraw(self, action: str, actor: str, details: Details) -> list[Decision]:
        """The proposal is given up; its version stays in the registry, and never served alone."""
        proposal = self._proposal()
        self._state.proposal = None
        trigger = proposal.trigger
        return [Canary(proposal.version, None, trigger.kind, trigger.incident, actor, action, details)]

    def appoint(self, version: int, model: Any, actor: str, details: Details, *, back: bool) -> list[Decision]:
        """Make a version of the registry the champion; see :meth:`trimtab.training.Trainer.appoint`."""
        state, replaced = self._state, self._state.champion.version if self._state.champion is not None else None
        held = next((past for past in state.champions if past.version == version), None)
        if held is not None and held.lineage.parent == version:
            lineage = held.lineage
        elif state.proposal is not None and state.proposal.version == version:
            lineage = state.proposal.candidate.lineage
        else:
            lineage = Lineage(copy.deepcopy(model), version)
        if back:
            past = [one for one in state.champions if one.version < version]
        else:
            past = [one for one in state.champions if one.version != version]
        state.champions = past
        state.first_performance = None
        state.inventory.served.add(version)
        given_up = self._given_up(actor, version)
        self._crown(PastChampion(version, model, lineage))
        if back:
            return self.tidied([Rollback(version, replaced, "command", actor, details), *given_up])
        return self.tidied([Appointment(version, replaced, actor, details), *given_up])

    def roll_back(self, past: PastChampion, trigger: str, actor: str, details: Details) -> list[Decision]:
        """Restore a version; every newer one is discarded, or the two would take turns for ever."""
        state = self._state
        replaced = state.champions[-1].version
        state.champions = state.champions[: state.champions.index(past) + 1]
        state.lineage = past.lineage
        given_up = self._given_up(actor)
        self._settle()
        return [Rollback(past.version, replaced, trigger, actor, details), *given_up]

    def tidied(self, decisions: list[Decision]) -> list[Decision]:
        """After a change of champion, what retention takes goes in the same transaction."""
        if not any(isinstance(one, Promotion | Appointment | Rollback) for one in decisions):
            return decisions
        inventory = self._state.inventory
        gone = inventory.expired(self._config.retention, self.needed)
        if not gone:
            return decisions
        for version in gone:
            inventory.remove(version)
        details: Details = {"versions": said(gone), "count": float(len(gone))}
        return [*decisions, Deletion(tuple(gone), "retention", "trainer", details)]

    @property
    def needed(self) -> dict[int, str]:
        """Versions that must stay in the registry, each with the reason."""
        state = self._state
        going = [lineage.parent for lineage in lineages_of(state)]
        going += [candidate.parent for candidate in state.contenders]
        reasons = {version: "what is learnt now continues it" for version in going if version is not None}
        reasons |= {past.version: "it may be restored while its successor is watched" for past in state.champions}
        if state.proposal is not None:
            waits = "it waits for approval" if state.proposal.waits else "it is tried as canary"
            reasons[state.proposal.version] = waits
        if state.champion is not None:
            reasons[state.champion.version] = "it is the champion"
        return reasons

    def _proposal(self) -> Proposal:
        proposal = self._state.proposal
        if proposal is None:
            raise AssertionError("there is no proposal")
        return proposal

    def _given_up(self, actor: str, but: int | None = None) -> list[Decision]:
        """Another version becomes champion: what is proposed lost the one it was compared with."""
        proposal = self._state.proposal
        if proposal is None:
            return []
        if proposal.version == but:
            self._state.proposal = None
            return [Canary(proposal.version, None, proposal.trigger.kind, proposal.trigger.incident, actor, "", {})]
        return self.withdraw("proposal_withdrawn", actor, {"reason": "another version became champion"})

    def _version(
        self,
        candidate: Candidate,
        trigger: Trigger,
        metrics: dict[str, float],
        race: dict[str, float] | None,
        gates: list[GateResult],
        *,
        serves: bool,
    ) -> Promotion:
        """Give a candidate a number; what it learns from here on is learnt after that version."""
        state = self._state
        if self._online and candidate.kind != "first":
            # It was scored as it learnt, so it is what it is now.
            candidate.learnt = candidate.lineage.learnt.copy()
            candidate.scored = copy.deepcopy(candidate.lineage.model)
            candidate.since = LearntRange()
        version = state.next_version
        state.next_version += 1
        state.inventory.add(version, candidate.parent, served=serves)
        made = Promotion(
            version=version,
            model=candidate.scored,
            candidate=candidate.kind,
            trigger=trigger.kind,
            actor=trigger.actor,
            incident=trigger.incident,
            parent=candidate.parent,
            learnt=candidate.learnt,
            reference=self._recent.reference(f"{self._name}@{version}", self._config, metrics),
            race=race,
            gates=tuple(gates),
            family=candidate.lineage.family,
            serves=serves,
        )
        candidate.lineage.parent = candidate.parent = version
        candidate.lineage.learnt = candidate.since
        return made

    def _crown(self, champion: PastChampion) -> None:
        """The last of the champions is another one."""
        state = self._state
        state.champions = [*self._kept(state.champions), champion]
        state.lineage = champion.lineage
        self._settle()

    def _kept(self, past: list[PastChampion]) -> list[PastChampion]:
        """Which champions are kept beside a new one: the first has proved itself longest, the others are the newest."""
        before = self._config.probation.keep - 1
        if len(past) <= before:
            return past
        return past[:1] + past[len(past) - before + 1 :] if before > 1 else past[len(past) - before :]

    def _settle(self) -> None:
        """After a change of champion: no race, watches anew, cooldown, next schedule."""
        state = self._state
        state.race = None
        for champion in state.champions:
            champion.watch = BettingTest(restart=True)
        if state.change is not None:
            state.change = ChangePoint()
        set_clocks(state, self._config.triggers)
