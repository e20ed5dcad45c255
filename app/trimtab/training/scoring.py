"""Which models are asked for which examples, before these are learnt, and what is counted of their answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trimtab.config import ModelConfig
from trimtab.training.lineage import LearntRange
from trimtab.training.losses import loss_of
from trimtab.training.race import Candidate
from trimtab.training.state import PastChampion, Proposal, TrainerState
from trimtab.training.tally import Tally
from trimtab.training.task import Label, Prediction, Task

__all__ = ["Scoring"]

Score = Callable[[dict[str, Any], Label], Any]


class Scoring:
    """Scores one batch after the other into the state.

    Parameters
    ----------
    task
        The view of the models.
    state
        What is counted goes there.
    """

    def __init__(self, config: ModelConfig, task: Task, state: TrainerState) -> None:
        self._config = config
        self._task = task
        self._state = state
        self._loss_of, self._bound = loss_of(config, task)
        self._online = config.mode == "online"
        self._known = config.protected_values

    def plan(self) -> tuple[Score | None, list[LearntRange]]:
        """What is done with each example of a record before it is learnt, and which models are asked to predict it."""
        state, champion = self._state, self._state.champion
        if champion is None:
            begun = state.count * 2 >= self._config.first_version_after
            return (self._score_first, [state.lineage.learnt]) if begun else (None, [])
        if not self._compared():
            # Nobody asks how good it is. Replicas predict before they learn, and some models change as they predict.
            return (self._ask_champion, [state.lineage.learnt]) if self._online else (None, [])
        asked = [one.lineage.learnt if self._online else one.learnt for one in state.racing]
        if self._online:
            past = state.champions if self._config.probation.enabled else state.champions[-1:]
            asked += [champion.lineage.learnt for champion in past]
            asked += [one.candidate.lineage.learnt for one in self._tried()]
        return self._score, asked

    def settle(self) -> None:
        """Count what the examples of one batch left."""
        first, race = self._state.first_performance, self._state.race
        told = [] if race is None else [race.champion, *(one.tally for one in race.candidates)]
        for tally in [*told, *([] if first is None else [first])]:
            tally.settle(self._config.task)

    def _compared(self) -> bool:
        """Whether anything is compared with the champion."""
        state = self._state
        watched = len(state.champions) > 1 and self._config.probation.enabled
        return state.race is not None or bool(self._tried()) or watched or bool(state.shadows)

    def _tried(self) -> list[Proposal]:
        """The canary."""
        proposal = self._state.proposal
        return [] if proposal is None or proposal.waits else [proposal]

    def _ask_champion(self, x: dict[str, Any], label: Label) -> None:
        self._task.ask(self._state.lineage.model, x)

    def _score(self, x: dict[str, Any], label: Label) -> None:
        state = self._state
        served = self._task.predict(self._model_of(state.champions[-1]), x)
        loss = self._loss_of(served, label)
        if state.race is not None:
            state.race.count += 1
            state.race.champion.take(served, label, loss)
            for candidate in state.race.candidates:
                self._score_candidate(candidate, x, label, served, loss)
        for proposal in self._tried():
            model = proposal.candidate.lineage.model if self._online else proposal.candidate.scored
            proposal.harm.update(self._loss(model, x, label) - loss, self._bound)
        if self._config.probation.enabled:
            for past in state.champions[:-1]:
                past.watch.update(loss - self._loss(self._model_of(past), x, label), self._bound)
        for shadow in state.shadows.values():
            shadow.count += 1
            shadow.champion_loss += loss
            shadow.loss += self._loss(shadow.lineage.model, x, label)

    def _score_candidate(
        self, candidate: Candidate, x: dict[str, Any], label: Label, served: Prediction, champion: float
    ) -> None:
        prediction = self._task.predict(candidate.scored, x)
        loss = self._loss_of(prediction, label)
        candidate.tally.take(prediction, label, loss)
        candidate.test.update(champion - loss, self._bound)
        if self._known:
            error = self._task.loss(served, label) - self._task.loss(prediction, label)
            candidate.protection.update(self._config.gates.protected, self._known, x, error)

    def _score_first(self, x: dict[str, Any], label: Label) -> None:
        """Before the first version: its test-then-train performance becomes the first reference's.

        Only the second half of the examples counts, when the model has learnt something.
        """
        first = self._state.first_performance = self._state.first_performance or Tally()
        first.take(self._task.predict(self._state.lineage.model, x), label, 0.0)

    def _loss(self, model: Any, x: dict[str, Any], label: Label) -> float:
        return self._loss_of(self._task.predict(model, x), label)

    def _model_of(self, champion: PastChampion) -> Any:
        """What serves, or would serve, for a version: an online champion goes on learning."""
        return champion.lineage.model if self._online else champion.model
