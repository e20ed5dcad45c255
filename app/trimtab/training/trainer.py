"""Everything the trainer decides about one model: a pure state machine over its examples log.

Every example is first scored, then learnt, by each model that learns. Decisions fall at the end of a batch, so
that a version always stands at a record of the log. The same log gives the same decisions, bit for bit; alerts
and commands enter at an offset that the checkpoint remembers.

::

    no champion ──first_version_after examples──► champion 1
    idle ──trigger──► racing ──winner, gates──► champion n+1 ──worse than a predecessor──► champion k (rollback)
      ▲                 │                           │
      └──"no better"────┘                           └── cooldown, then idle

Between winner and champion there may be a proposal (``succession``).
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from trimtab.config import ModelConfig
from trimtab.errors import TrainingError
from trimtab.sequential.watch import Alarm, Sequential
from trimtab.training import gates
from trimtab.training.candidates import candidate_of, plan, recent_needed, replayed
from trimtab.training.change_point import ChangePoint, served_losses
from trimtab.training.conformance import fails_on
from trimtab.training.decisions import Decision, Note
from trimtab.training.factory import build
from trimtab.training.golden import Golden
from trimtab.training.lineage import Batch, LearntRange, Lineage
from trimtab.training.preparing import Preparing, begins_at, until_ms
from trimtab.training.race import Candidate, Race, Trigger
from trimtab.training.recent import Recent
from trimtab.training.scoring import Scoring
from trimtab.training.state import PastChampion, Shadow, TrainerState, lineages_of
from trimtab.training.succession import Succession
from trimtab.training.task import make_task
from trimtab.training.triggers import due, note_start, obstacle, wind

__all__ = ["Trainer"]

Details = dict[str, float | str | None]
Told = Mapping[str, float | str | None]

NOTHING: Told = MappingProxyType({})
_THEN = "starts when that is over"


class Trainer:
    """The state machine of one model.

    Parameters
    ----------
    name, config
        The model and its configuration.
    state
        From a checkpoint; None starts anew.
    """

    def __init__(self, name: str, config: ModelConfig, state: TrainerState | None = None) -> None:
        self.name = name
        self.config = config
        self.state = state if state is not None else TrainerState(Lineage(build(config.factory)))
        self.recent = Recent(recent_needed(config))
        self._task = make_task(config.task, classes=config.classes)
        self._golden = Golden.read(config)
        self._scoring = Scoring(config, self._task, self.state)
        self._succession = Succession(name, config, self.state, self.recent)
        self._sequential = Sequential(config, self.state.sequential)
        self._alarms: list[Alarm] = []
        self._fit_configuration()

    @property
    def champion(self) -> PastChampion | None:
        """The version that serves, or None before the first."""
        return self.state.champion

    def on_batch(self, batch: Batch) -> list[Decision]:
        """Score and learn one record of the examples log; a record already learnt changes nothing."""
        state = self.state
        if batch.offset <= state.offset:
            return []
        if self.awaited is not None:
            raise AssertionError(f"{self.name}: the replays are awaited before {batch.offset}")
        lineages = lineages_of(state)
        self._learn(batch, lineages)
        state.event_time_ms = int(batch.examples.time_ms.max(initial=state.event_time_ms))
        for learnt in self._ranges(lineages):
            learnt.extend(batch)
        self._alarms += self._sequential.step(batch.examples, [batch.offset] * len(batch.examples), state.count)
        if state.change is not None and state.champion is not None:
            state.change.step(batch.offset, state.count, served_losses(self._task, batch.examples))
        state.anchors.add(state.count, batch.offset, state.count)
        state.offset = batch.offset
        state.count += len(batch.examples)
        state.produced_ms = int(batch.examples.produced_ms.max(initial=state.produced_ms))
        state.ready |= state.preparing is not None and begins_at(state.preparing, batch)
        self.recent.add(batch)
        return self._succession.tidied(self._decide(len(batch.examples)))

    @property
    def has_alarms(self) -> bool:
        """Whether :meth:`take_alarms` has any."""
        return bool(self._alarms)

    def take_alarms(self) -> list[Alarm]:
        """Alerts of the sequential detectors that have changed since this was asked last."""
        alarms, self._alarms = self._alarms, []
        return alarms

    def on_trigger(self, trigger: Trigger, details: Told = NOTHING) -> list[Decision]:
        """An alert or a command asks for a race; it starts now, or once what holds it back is over.

        Parameters
        ----------
        details
            For the audit log: the order.
        """
        reason = obstacle(self.state, self.config.triggers)
        if reason is None:
            return self._start_race(trigger, details)
        self.state.pending = trigger
        return [_note("race_not_started", trigger, {"reason": reason, "then": _THEN, **details})]

    @property
    def awaited(self) -> Preparing | None:
        """Replays without which no further record may be learnt: give them to :meth:`on_replayed`."""
        return self.state.preparing if self.state.ready else None

    def on_replayed(self, found: Mapping[str, Lineage | str]) -> list[Decision]:
        """The race begins for which candidates replayed their examples.

        Parameters
        ----------
        found
            By candidate what it has learnt, up to the record with which the race begins; or why it failed.
        """
        preparing = self.state.preparing
        if preparing is None:
            raise AssertionError(f"{self.name}: no replay is awaited")
        self.state.preparing, self.state.ready = None, False
        failed = {name: said for name, said in found.items() if isinstance(said, str)}
        decisions: list[Decision] = [
            _note("refused", preparing.trigger, {"reason": f"{name} could not replay its examples: {said}"})
            for name, said in failed.items()
        ]
        lineages = {name: lineage for name, lineage in found.items() if isinstance(lineage, Lineage)}
        return decisions + self._begin_race(preparing.trigger, lineages, NOTHING, set(failed))

    def on_approve(self, actor: str, version: int | None = None, details: Told = NOTHING) -> list[Decision]:
        """A person approves the winner that waits; ``version`` None for whichever it is."""
        proposal = self.state.proposal
        reason = ""
        if proposal is None or not proposal.waits:
            reason = "no winner waits for approval"
        elif version is not None and version != proposal.version:
            reason = f"version {proposal.version} waits for approval, not {version}"
        if reason:
            return [Note("refused", "command", actor=actor, version=version, details={"reason": reason, **details})]
        return self._succession.tidied(self._succession.accept(actor, details))

    def on_rollback(self, actor: str, details: Told = NOTHING) -> list[Decision]:
        """A person restores the version before the champion."""
        if len(self.state.champions) < 2:
            reason = "no earlier version is kept"
            return [Note("refused", "command", actor=actor, details={"reason": reason, **details})]
        back = self.state.champions[-2]
        return self._succession.tidied(self._succession.roll_back(back, "command", actor, details))

    @property
    def needed(self) -> dict[int, str]:
        """Versions that must stay in the registry, each with the reason: what serves, may be restored, or goes on."""
        return self._succession.needed

    def appoint(
        self, version: int, model: Any, actor: str, details: Mapping[str, float | str | None], *, back: bool = False
    ) -> list[Decision]:
        """Make a version of the registry the champion; what learns on from here has it for its parent.

        That is the lineage which came from it, when the trainer still has one; else its snapshot learns on.

        Parameters
        ----------
        model
            From the version's snapshot.
        back
            A rollback: newer versions are discarded. Else those before it are watched on, and restored when they
            do better.
        """
        return self._succession.appoint(version, model, actor, details, back=back)

    # Learning

    def _fit_configuration(self) -> None:
        """What the configuration asks for and the state lacks, or has no more."""
        state = self.state
        if not any(spec.from_ == "change_point" for spec in self.config.race.candidates):
            state.change = None
        elif state.change is None:
            state.change = ChangePoint()
        held = state.shadows
        state.shadows = {
            spec.name: held.get(spec.name) or Shadow(Lineage(build(spec.factory))) for spec in self.config.shadows
        }

    def _learn(self, batch: Batch, lineages: list[Lineage]) -> None:
        """Score all examples of a record, then let every model learn them.

        So candidates are as old as what is served: nobody has learnt an example when the next one is predicted.
        """
        xs, labels = batch.examples.inputs(), batch.examples.labels()
        score, asked = self._scoring.plan()
        for learnt in asked:
            learnt.ask(batch.offset)
        learns = [lineage.model.learn_one for lineage in lineages]
        x: dict[str, Any] = {}
        try:
            if score is not None:
                for x, label in zip(xs, labels, strict=True):
                    score(x, label)
            for x, y in zip(xs, self._task.targets(labels), strict=True):
                for learn in learns:
                    learn(x, y)
        # Whatever the user's model raises.
        except Exception as error:
            raise TrainingError(f"{self.name}: examples, offset {batch.offset}: {fails_on(x, error)}") from error
        self._scoring.settle()

    def _ranges(self, lineages: list[Lineage]) -> list[LearntRange]:
        found = [lineage.learnt for lineage in lineages] + [one.since for one in self.state.contenders]
        return list({id(one): one for one in found}.values())

    # Deciding

    def _decide(self, learnt: int) -> list[Decision]:
        state = self.state
        if state.champion is None:
            # One that is refused is tried again after as many examples more.
            every = self.config.first_version_after
            return self._first_version() if state.count // every > (state.count - learnt) // every else []
        wind(state, self.config.triggers)
        decisions = self._check_probation() or self._succession.check_proposal()
        if not decisions and state.race is not None:
            decisions = self._check_race(state.race)
        if state.race is None:
            decisions += self._check_due()
        return decisions

    def _first_version(self) -> list[Decision]:
        state, trigger = self.state, Trigger("first")
        passed = gates.size_gate(self.config, state.lineage.model)
        if not passed.passed:
            return [_note("refused", trigger, {"reason": passed.why, "bytes": passed.value, "limit": passed.limit})]
        first = state.first_performance
        metrics = first.metrics(self.config.task) if first is not None else {}
        state.first_performance = None
        return [self._succession.first(metrics, [passed])]

    def _check_probation(self) -> list[Decision]:
        """Newest first, since what is restored gives up all that came after it."""
        spec = self.config.probation
        for past in reversed(self.state.champions[:-1]):
            watch = past.watch
            if watch.count >= spec.min_examples and watch.wealth >= 1.0 / spec.alpha:
                numbers: Details = {
                    "examples": float(watch.count),
                    "mean_difference": watch.mean,
                    "wealth": watch.wealth,
                }
                return self._succession.roll_back(past, "probation", "trainer", numbers)
        return []

    def _check_race(self, race: Race) -> list[Decision]:
        decisions: list[Decision] = []
        shut: list[gates.GateResult] = []
        over = race.count >= self.config.race.max_examples
        for candidate in race.ahead(self.config.race):
            passed = gates.of_race(self.config, candidate, race.champion, over=over)
            shut = gates.open_ones(passed)
            if not shut and not gates.failed(passed):
                passed += gates.of_model(self.config, self._task, self._as_served(candidate), self.recent, self._golden)
                if not gates.failed(passed):
                    return decisions + self._win(candidate, race, passed)
            if gates.failed(passed):
                decisions.append(self._turned_away(candidate, race, gates.failed(passed)))
        if over or not race.candidates:
            decisions.append(self._no_winner(race, shut))
        return decisions

    def _as_served(self, candidate: Candidate) -> Any:
        return candidate.lineage.model if self.config.mode == "online" else candidate.scored

    def _turned_away(self, candidate: Candidate, race: Race, why: list[gates.GateResult]) -> Decision:
        """A gate that no further example can mend."""
        race.candidates.remove(candidate)
        reason = f"{candidate.kind} does not pass: {', '.join(one.gate for one in why)}"
        details: Details = {"reason": reason, "candidate": candidate.kind, **race.numbers(candidate)}
        return _note("refused", race.trigger, details | gates.told(why))

    def _no_winner(self, race: Race, shut: list[gates.GateResult]) -> Decision:
        self.state.race = None
        details: Details = {"verdict": "refused" if shut or not race.candidates else "no better"}
        if race.candidates:
            best = max(race.candidates, key=lambda candidate: candidate.test.wealth)
            details |= {"best": best.kind, **race.numbers(best), **gates.told(shut)}
        return _note("race_ended", race.trigger, details)

    def _win(self, winner: Candidate, race: Race, passed: list[gates.GateResult]) -> list[Decision]:
        self.state.race = None
        trigger, numbers = race.trigger, race.numbers(winner)
        ended = _note("race_ended", trigger, {"verdict": "winner", "candidate": winner.kind, **numbers})
        metrics, promotion = winner.tally.metrics(self.config.task), self.config.gates.promotion
        if promotion == "never":
            return [ended, _note("refused", trigger, {"reason": "gates.promotion is never"})]
        if promotion == "approve" or self.config.canary.steps:
            return [ended, *self._succession.propose(winner, trigger, metrics, numbers, passed)]
        return [ended, self._succession.promote(winner, trigger, metrics, numbers, passed)]

    # Starting

    def _check_due(self) -> list[Decision]:
        """Start the race that waited, or the one that is due."""
        state, spec = self.state, self.config.triggers
        trigger = state.pending or due(state, spec)
        if trigger is None:
            return []
        reason = obstacle(state, spec)
        if reason is None:
            return self._start_race(trigger)
        if state.pending is not None:
            return []
        state.pending = trigger
        return [_note("race_not_started", trigger, {"reason": reason, "then": _THEN})]

    def _start_race(self, trigger: Trigger, details: Told = NOTHING) -> list[Decision]:
        state = self.state
        state.pending = None
        note_start(state, self.config.triggers)
        wanted = plan(self.config, state)
        if not wanted:
            return self._begin_race(trigger, {}, details, set())
        preparing = Preparing(trigger, state.offset, state.count, 0, tuple(wanted))
        until = until_ms(state.produced_ms, preparing.examples, self.config.race.replay_per_second)
        state.preparing = replace(preparing, until_ms=until)
        numbers = {"examples": float(preparing.examples), "until_produced_ms": float(until)}
        names = ", ".join(one.name for one in wanted)
        return [_note("candidates_replay", trigger, {"candidates": names, **numbers, **details})]

    def _begin_race(
        self, trigger: Trigger, replays: Mapping[str, Lineage], details: Told, without: Set[str]
    ) -> list[Decision]:
        state = self.state
        found = []
        for spec in self.config.race.candidates:
            if spec.name in replays:
                found.append(replayed(spec.name, self.config, replays[spec.name]))
            elif spec.name not in without:
                made = candidate_of(spec, self.config, self._task, state, self.recent)
                found += [] if made is None else [made]
        if not found:
            reason = "no candidate is left" if without else "no candidate differs from an online champion"
            return [_note("race_not_started", trigger, {"reason": reason, **details})]
        state.race = Race(trigger, state.offset, found)
        names = ", ".join(candidate.kind for candidate in found)
        return [_note("race_started", trigger, {"candidates": names, **details})]


def _note(action: str, trigger: Trigger, details: Details) -> Note:
    return Note(action, trigger.kind, trigger.incident, trigger.actor, details=details)
