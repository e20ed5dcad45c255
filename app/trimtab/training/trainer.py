"""Everything the trainer decides about one model: a pure state machine over its examples log.

Every example is first scored, then learnt, by each model that learns. Decisions fall at the end of a batch, so
that a version always stands at a record of the log. The same log gives the same decisions, bit for bit; alerts
and commands enter at an offset that the checkpoint remembers.

::

    no champion ──first_version_after examples──► champion 1
    idle ──trigger──► racing ──winner──► champion n+1 ──worse than a predecessor──► champion k (rollback)
      ▲                 │                    │
      └──"no better"────┘                    └── cooldown, then idle
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from trimtab.config import ModelConfig
from trimtab.errors import TrainingError
from trimtab.performance import metrics as performance_metrics
from trimtab.profiles import PerformanceProfile
from trimtab.registry.snapshot import dump
from trimtab.sequential.watch import Alarm, Sequential, SequentialState
from trimtab.training.betting import BettingTest
from trimtab.training.conformance import fails_on
from trimtab.training.decisions import Appointment, Decision, Deletion, Note, Promotion, Rollback
from trimtab.training.factory import build
from trimtab.training.inventory import Inventory, said
from trimtab.training.lineage import Batch, LearntRange, Lineage
from trimtab.training.race import Candidate, Race, Trigger
from trimtab.training.recent import Recent
from trimtab.training.task import Label, Prediction, make_task

__all__ = ["PastChampion", "Trainer", "TrainerState"]


@dataclass(slots=True, eq=False)
class PastChampion:
    """A version that may serve again: its frozen model, and the lineage that learnt on when it was promoted."""

    version: int
    model: Any
    lineage: Lineage
    watch: BettingTest = field(default_factory=lambda: BettingTest(restart=True))


@dataclass(slots=True, eq=False)
class TrainerState:
    """What a checkpoint holds. ``champions`` ends with the one that serves."""

    lineage: Lineage
    offset: int = -1
    count: int = 0
    next_version: int = 1
    champions: list[PastChampion] = field(default_factory=list)
    race: Race | None = None
    pending: Trigger | None = None
    waiting: tuple[Candidate, Race] | None = None
    cooldown_until_ms: int | None = None
    next_schedule_ms: int | None = None
    event_time_ms: int = 0
    first_performance: PerformanceProfile | None = None
    sequential: SequentialState = field(default_factory=SequentialState)
    inventory: Inventory = field(default_factory=Inventory)


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
        self.recent = Recent(max(config.reference_examples, config.race.reset_examples))
        self._task = make_task(config.task, classes=config.classes)
        self._online = config.mode == "online"
        self._sequential = Sequential(config, self.state.sequential)
        self._alarms: list[Alarm] = []

    @property
    def champion(self) -> PastChampion | None:
        """The version that serves, or None before the first."""
        return self.state.champions[-1] if self.state.champions else None

    def on_batch(self, batch: Batch) -> list[Decision]:
        """Score and learn one record of the examples log; a record already learnt changes nothing."""
        state = self.state
        if batch.offset <= state.offset:
            return []
        lineages = self._lineages()
        xs, labels = batch.examples.inputs(), batch.examples.labels()
        score, asked = self._scoring()
        for learnt in asked:
            learnt.ask(batch.offset)
        learns = [lineage.model.learn_one for lineage in lineages]
        x: dict[str, Any] = {}
        try:
            for x, label, y in zip(xs, labels, self._task.targets(labels), strict=True):
                score(x, label)
                for learn in learns:
                    learn(x, y)
        # Whatever the user's model raises.
        except Exception as error:
            raise TrainingError(f"{self.name}: examples, offset {batch.offset}: {fails_on(x, error)}") from error
        state.event_time_ms = int(batch.examples.time_ms.max(initial=state.event_time_ms))
        for learnt in self._ranges(lineages):
            learnt.extend(batch)
        self._alarms += self._sequential.step(batch.examples, [batch.offset] * len(batch.examples), state.count)
        state.offset = batch.offset
        state.count += len(batch.examples)
        self.recent.add(batch)
        return self._tidied(self._decide(len(batch.examples)))

    @property
    def has_alarms(self) -> bool:
        """Whether :meth:`take_alarms` has any."""
        return bool(self._alarms)

    def take_alarms(self) -> list[Alarm]:
        """Alerts of the sequential detectors that have changed since this was asked last."""
        alarms, self._alarms = self._alarms, []
        return alarms

    def on_trigger(self, trigger: Trigger) -> list[Decision]:
        """An alert or a command asks for a race; it starts now, or once cooldown or the running race is over."""
        reason = self._obstacle()
        if reason is None:
            return self._start_race(trigger)
        self.state.pending = trigger
        details = {"reason": reason, "then": "starts when that is over"}
        return [Note("race_not_started", trigger.kind, trigger.incident, trigger.actor, details=details)]

    def on_approve(self, actor: str) -> list[Decision]:
        """A person approves the winner that waits."""
        if self.state.waiting is None:
            return [Note("refused", "command", actor=actor, details={"reason": "no winner waits for approval"})]
        candidate, race = self.state.waiting
        self.state.waiting = None
        return self._tidied([self._promote(candidate, race, actor)])

    def on_rollback(self, actor: str) -> list[Decision]:
        """A person restores the version before the champion."""
        if len(self.state.champions) < 2:
            return [Note("refused", "command", actor=actor, details={"reason": "no earlier version is kept"})]
        return self._tidied([self._roll_back(self.state.champions[-2], "command", actor, {})])

    @property
    def needed(self) -> dict[int, str]:
        """Versions that must stay in the registry, each with the reason: what serves, may be restored, or goes on."""
        state = self.state
        going = [lineage.parent for lineage in self._lineages()]
        going += [candidate.parent for candidate in self._all_candidates()]
        reasons = {version: "what is learnt now continues it" for version in going if version is not None}
        reasons |= {past.version: "it may be restored while its successor is watched" for past in state.champions}
        if self.champion is not None:
            reasons[self.champion.version] = "it is the champion"
        return reasons

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
        state, replaced = self.state, self.champion.version if self.champion is not None else None
        held = next((past for past in state.champions if past.version == version), None)
        goes_on = held is not None and held.lineage.parent == version
        lineage = held.lineage if held is not None and goes_on else Lineage(copy.deepcopy(model), version)
        if back:
            past = [one for one in state.champions if one.version < version]
        else:
            past = [one for one in state.champions if one.version != version]
        state.champions = [*self._kept(past), PastChampion(version, model, lineage)]
        state.lineage = lineage
        state.first_performance = None
        state.inventory.served.add(version)
        self._settle()
        if back:
            return self._tidied([Rollback(version, replaced, "command", actor, details)])
        return self._tidied([Appointment(version, replaced, actor, details)])

    # Scoring

    def _scoring(self) -> tuple[Callable[[dict[str, Any], Label], Any], list[LearntRange]]:
        """What is done with each example of a batch before it is learnt, and of which models that asks a prediction."""
        state, champion = self.state, self.champion
        if champion is None:
            begun = state.count * 2 >= self.config.first_version_after
            return (self._score_first, [state.lineage.learnt]) if begun else (_ignore, [])
        if state.race is None and (len(state.champions) == 1 or not self.config.probation.enabled):
            # Nobody asks how good it is. Replicas predict before they learn, and some models change as they predict.
            return (self._ask_champion, [state.lineage.learnt]) if self._online else (_ignore, [])
        asked = [candidate.lineage.learnt if self._online else candidate.learnt for candidate in self._candidates()]
        if self._online:
            past = state.champions if self.config.probation.enabled else state.champions[-1:]
            asked += [champion.lineage.learnt for champion in past]
        return self._score, asked

    def _ask_champion(self, x: dict[str, Any], label: Label) -> None:
        self._task.ask(self.state.lineage.model, x)

    def _score(self, x: dict[str, Any], label: Label) -> None:
        state = self.state
        served = self._loss(self._model_of(state.champions[-1]), x, label)
        if state.race is not None:
            losses = [self._loss(candidate.scored, x, label) for candidate in state.race.candidates]
            state.race.score(served, losses)
        if self.config.probation.enabled:
            for past in state.champions[:-1]:
                past.watch.update(served - self._loss(self._model_of(past), x, label))

    def _score_first(self, x: dict[str, Any], label: Label) -> None:
        """Before the first version: its test-then-train performance becomes the first reference's.

        Only the second half of the examples counts, when the model has learnt something.
        """
        prediction = self._task.predict(self.state.lineage.model, x)
        profile = self._performance(prediction, label)
        first = self.state.first_performance
        self.state.first_performance = profile if first is None else first.merge(profile)

    def _performance(self, prediction: Prediction, label: Label) -> PerformanceProfile:
        if self.config.task == "regression":
            return PerformanceProfile.of_regression([float(label)], [float(prediction.value)])
        score = prediction.score if self.config.task == "binary" else None
        return PerformanceProfile.of_classification([str(label)], [str(prediction.value)], [score])

    def _loss(self, model: Any, x: dict[str, Any], label: Label) -> float:
        return self._task.loss(self._task.predict(model, x), label)

    def _model_of(self, champion: PastChampion) -> Any:
        """What serves, or would serve, for a version: an online champion goes on learning."""
        return champion.lineage.model if self._online else champion.model

    def _lineages(self) -> list[Lineage]:
        """Every model that learns, once."""
        state = self.state
        found = [state.lineage, *(champion.lineage for champion in state.champions)]
        if state.race is not None:
            found += [candidate.lineage for candidate in state.race.candidates]
        if state.waiting is not None:
            found.append(state.waiting[0].lineage)
        return list({id(lineage): lineage for lineage in found}.values())

    def _ranges(self, lineages: list[Lineage]) -> list[LearntRange]:
        return [lineage.learnt for lineage in lineages] + [one.since for one in self._all_candidates()]

    def _all_candidates(self) -> list[Candidate]:
        """Those that race, and the one that waits."""
        waiting = self.state.waiting
        return self._candidates() + ([] if waiting is None else [waiting[0]])

    def _candidates(self) -> list[Candidate]:
        return [] if self.state.race is None else list(self.state.race.candidates)

    # Deciding

    def _decide(self, learnt: int) -> list[Decision]:
        state = self.state
        if self.champion is None:
            # One that is refused is tried again after as many examples more.
            every = self.config.first_version_after
            return [self._first_version()] if state.count // every > (state.count - learnt) // every else []
        decisions = self._check_probation()
        if not decisions and state.race is not None:
            decisions = self._check_race(state.race)
        if state.race is None:
            decisions += self._check_pending()
        return decisions

    def _first_version(self) -> Decision:
        state = self.state
        lineage = state.lineage
        refused = self._too_large(lineage.model, Trigger("first"))
        if refused is not None:
            return refused
        profile = state.first_performance
        metrics = performance_metrics(profile, self.config.task) if profile is not None else {}
        state.first_performance = None
        candidate = Candidate("first", copy.deepcopy(lineage.model), None, lineage.learnt.copy(), lineage)
        return self._install(candidate, Trigger("first"), metrics, None)

    def _check_probation(self) -> list[Decision]:
        spec = self.config.probation
        for past in self.state.champions[:-1]:
            watch = past.watch
            if watch.count >= spec.min_examples and watch.wealth >= 1.0 / spec.alpha:
                numbers: dict[str, float | str | None] = {
                    "examples": float(watch.count),
                    "mean_difference": watch.mean,
                    "wealth": watch.wealth,
                }
                return [self._roll_back(past, "probation", "trainer", numbers)]
        return []

    def _check_race(self, race: Race) -> list[Decision]:
        spec = self.config.race
        winner = race.winner(spec)
        if winner is not None:
            self.state.race = None
            return self._win(winner, race)
        if race.count >= spec.max_examples:
            self.state.race = None
            best = max(race.candidates, key=lambda candidate: candidate.test.wealth)
            details: dict[str, float | str | None] = {"verdict": "no better", "best": best.kind, **race.numbers(best)}
            return [Note("race_ended", race.trigger.kind, race.trigger.incident, details=details)]
        return []

    def _win(self, winner: Candidate, race: Race) -> list[Decision]:
        trigger, numbers = race.trigger, race.numbers(winner)
        details: dict[str, float | str | None] = {"verdict": "winner", "candidate": winner.kind, **numbers}
        ended = Note("race_ended", trigger.kind, trigger.incident, details=details)
        promotion = self.config.gates.promotion
        if promotion == "auto":
            return [ended, self._promote(winner, race, trigger.actor)]
        if promotion == "approve":
            self.state.waiting = (winner, race)
            return [ended, Note("waiting_for_approval", trigger.kind, trigger.incident, details=details)]
        return [ended, Note("refused", trigger.kind, trigger.incident, details={"reason": "gates.promotion is never"})]

    def _check_pending(self) -> list[Decision]:
        """Start the race that waited, or the scheduled one."""
        state, schedule = self.state, self.config.triggers.schedule
        due = state.next_schedule_ms is not None and state.event_time_ms >= state.next_schedule_ms
        if self._obstacle() is not None or (state.pending is None and not due):
            return []
        trigger = state.pending or Trigger("schedule")
        if schedule is not None:
            state.next_schedule_ms = state.event_time_ms + schedule
        return self._start_race(trigger)

    def _obstacle(self) -> str | None:
        """Why no race may start now."""
        state = self.state
        if self.champion is None:
            return "no version is served yet"
        if state.race is not None:
            return "a race is running"
        if state.waiting is not None:
            return "a winner waits for approval"
        if state.cooldown_until_ms is not None and state.event_time_ms < state.cooldown_until_ms:
            return "cooldown"
        return None

    # Acting

    def _start_race(self, trigger: Trigger) -> list[Decision]:
        state = self.state
        state.pending = None
        candidates = [self._candidate(kind) for kind in self.config.race.candidates]
        found = [candidate for candidate in candidates if candidate is not None]
        if not found:
            details: dict[str, float | str | None] = {"reason": "no candidate differs from an online champion"}
            return [Note("race_not_started", trigger.kind, trigger.incident, trigger.actor, details=details)]
        state.race = Race(trigger, state.offset, found)
        names = ", ".join(candidate.kind for candidate in found)
        return [Note("race_started", trigger.kind, trigger.incident, trigger.actor, details={"candidates": names})]

    def _candidate(self, kind: str) -> Candidate | None:
        lineage = self.state.lineage
        if kind == "continue":
            if self._online:
                return None  # the champion itself
            return Candidate("continue", copy.deepcopy(lineage.model), lineage.parent, lineage.learnt.copy(), lineage)
        fresh = Lineage(build(self.config.factory))
        for batch in self.recent.last(self.config.race.reset_examples):
            targets = self._task.targets(batch.examples.labels())
            for x, y in zip(batch.examples.inputs(), targets, strict=True):
                fresh.model.learn_one(x, y)
            fresh.learnt.extend(batch)
        scored = fresh.model if self._online else copy.deepcopy(fresh.model)
        return Candidate("reset", scored, None, fresh.learnt.copy(), fresh)

    def _too_large(self, model: Any, trigger: Trigger) -> Note | None:
        """The gate on size: followers would refuse such a snapshot."""
        size, limit = len(dump(model, admit=self.config.admit)), self.config.gates.max_snapshot_bytes
        if size <= limit:
            return None
        reason = "the snapshot is larger than gates.max_snapshot_bytes: raise it, or make the model smaller"
        details: dict[str, float | str | None] = {"reason": reason, "bytes": float(size), "limit": float(limit)}
        return Note("refused", trigger.kind, trigger.incident, trigger.actor, details=details)

    def _promote(self, winner: Candidate, race: Race, actor: str) -> Decision:
        trigger = Trigger(race.trigger.kind, race.trigger.incident, actor)
        refused = self._too_large(winner.lineage.model if self._online else winner.scored, trigger)
        if refused is not None:
            return refused
        if self._online:
            # It was scored as it learnt, so it is promoted as it stands now.
            winner.learnt = winner.lineage.learnt.copy()
            winner.scored = copy.deepcopy(winner.lineage.model)
            winner.since = LearntRange()
        metrics: dict[str, float] = {}
        if self.config.task != "regression":
            metrics["accuracy"] = 1.0 - winner.loss / max(race.count, 1)
        return self._install(winner, trigger, metrics, race.numbers(winner))

    def _install(
        self, candidate: Candidate, trigger: Trigger, metrics: dict[str, float], race: dict[str, float] | None
    ) -> Promotion:
        """Make a candidate the champion, and let its lineage learn on from there."""
        state = self.state
        version = state.next_version
        state.next_version += 1
        state.inventory.add(version, candidate.parent, served=True)
        candidate.lineage.parent = version
        candidate.lineage.learnt = candidate.since
        state.lineage = candidate.lineage
        state.champions = [
            *self._kept(state.champions),
            PastChampion(version, candidate.scored, candidate.lineage),
        ]
        self._settle()
        return Promotion(
            version=version,
            model=candidate.scored,
            candidate=candidate.kind,
            trigger=trigger.kind,
            actor=trigger.actor,
            incident=trigger.incident,
            parent=candidate.parent,
            learnt=candidate.learnt,
            reference=self.recent.reference(f"{self.name}@{version}", self.config, metrics),
            race=race,
        )

    def _kept(self, past: list[PastChampion]) -> list[PastChampion]:
        """Which champions are kept beside a new one: the first has proved itself longest, the others are the newest."""
        before = self.config.probation.keep - 1
        if len(past) <= before:
            return past
        return past[:1] + past[len(past) - before + 1 :] if before > 1 else past[len(past) - before :]

    def _tidied(self, decisions: list[Decision]) -> list[Decision]:
        """After a change of champion, what retention takes goes in the same transaction."""
        if not any(isinstance(one, Promotion | Appointment | Rollback) for one in decisions):
            return decisions
        inventory = self.state.inventory
        gone = inventory.expired(self.config.retention, self.needed)
        if not gone:
            return decisions
        for version in gone:
            inventory.remove(version)
        details: dict[str, float | str | None] = {"versions": said(gone), "count": float(len(gone))}
        return [*decisions, Deletion(tuple(gone), "retention", "trainer", details)]

    def _roll_back(
        self, past: PastChampion, trigger: str, actor: str, details: dict[str, float | str | None]
    ) -> Rollback:
        """Restore a version; every newer one is discarded, or the two would take turns for ever."""
        state = self.state
        replaced = state.champions[-1].version
        state.champions = state.champions[: state.champions.index(past) + 1]
        state.lineage = past.lineage
        self._settle()
        return Rollback(past.version, replaced, trigger, actor, details)

    def _settle(self) -> None:
        """After a change of champion: no race, watches anew, cooldown, next schedule."""
        state, triggers = self.state, self.config.triggers
        state.race = None
        state.waiting = None
        for champion in state.champions:
            champion.watch = BettingTest(restart=True)
        state.cooldown_until_ms = state.event_time_ms + triggers.cooldown
        if triggers.schedule is not None:
            state.next_schedule_ms = max(state.event_time_ms + triggers.schedule, state.cooldown_until_ms)


def _ignore(x: dict[str, Any], label: Label) -> None:
    """Nothing is done."""
