"""A producer service, made of the client alone: it predicts each row with the served models and tells the outcome.

The first rows have no model yet: their predictions are null, and the trainer makes version 1 from their labels.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trimtab import ModelFollower, Producer
from trimtab.client import ProducerStats, ServedModel
from trimtab.config import Config
from trimtab.demo.playback import Pacer, Step, steps
from trimtab.errors import ConfigError, TrainingError
from trimtab.events import canonical_value
from trimtab.files import Table

__all__ = ["Played", "Reload", "Simulation", "train_rows_of"]

# Nobody waits for the training rows, so they need not be slow.
TRAIN_RATE = 2_000.0
_TICK_S = 0.2


@dataclass(frozen=True, slots=True)
class Reload:
    """One reload of a follower: seconds from the change in the registry to the swap in the service."""

    model: str
    name: str
    online: bool
    seconds: float


@dataclass
class Played:
    """What was served. Lists begin at row ``first``; a prediction is canonical, None when there was none."""

    run_id: str
    first: int
    models: tuple[str, ...]
    labels: list[Any]
    predictions: dict[str, list[Any]]
    served: dict[str, list[str | None]]
    labels_sent: list[int] = field(default_factory=list)
    predicted_ms: list[int] = field(default_factory=list)
    reloads: list[Reload] = field(default_factory=list)
    rows: int = 0
    events: int = 0
    seconds: float = 0.0
    stats: ProducerStats | None = None

    def right(self, model: str) -> list[bool]:
        """Whether each served prediction was right, from row ``first`` on."""
        return [p == self.labels[self.first + k] for k, p in enumerate(self.predictions[model])]


def train_rows_of(config: Config, models: Sequence[str], rows: int, train_share: float) -> int:
    """How many rows come before the first model.

    Raises
    ------
    ConfigError
        If a model is not configured, or makes its first version from another number of examples.
    """
    train_rows = math.floor(train_share * rows)
    for name in models:
        if name not in config.models:
            raise ConfigError(f"no model {name!r}; the models are {', '.join(config.models)}")
        wanted = config.models[name].first_version_after
        if wanted != train_rows:
            raise ConfigError(
                f"models.{name}.first_version_after is {wanted}, but a train share of {train_share:g} of {rows:,} rows "
                f"is {train_rows:,}: set first_version_after to {train_rows}, or --train-share to {wanted / rows:.6g}"
            )
    return train_rows


class Simulation:
    """Plays a table through the models.

    Parameters
    ----------
    config
        The configuration, with bootstrap servers.
    models
        Names of the models; each predicts every row.
    table
        The rows.
    train_rows
        Rows before the first version.
    rate
        Rows per second.
    label_delay
        A row's label is told after the prediction of the row this many rows later.
    run_id
        Part of the event ids, so that runs do not mix.
    on_step
        Called after each row with the record so far.
    """

    def __init__(
        self,
        config: Config,
        models: Sequence[str],
        table: Table,
        *,
        train_rows: int,
        rate: float,
        label_delay: int = 1,
        run_id: str,
        on_step: Callable[[Played], None] = lambda _: None,
        wait_s: float = 120.0,
    ) -> None:
        self._config = config
        self._models = tuple(models)
        self._table = table
        self._train_rows = train_rows
        self._rate = rate
        self._delay = label_delay
        self._on_step = on_step
        self._wait_s = wait_s
        self._followers: dict[str, ModelFollower] = {}
        self._features = _features_of(config, self._models, table)
        task = config.models[self._models[0]].task
        labels = [canonical_value(label, task, "label") for label in table.labels]
        self.played = Played(run_id, train_rows, self._models, labels, {m: [] for m in models}, {m: [] for m in models})

    def play(self, stop: Callable[[], bool] = lambda: False) -> Played:
        """Play all rows, or until ``stop()``; what was sent is delivered when this returns, and after Ctrl-C too."""
        began = time.monotonic()
        followers = {
            name: ModelFollower(name, self._config, on_reload=self._reloaded(name), replica=True)
            for name in self._models
        }
        self._followers = followers
        try:
            with Producer(self._config) as producer:
                try:
                    for follower in followers.values():
                        follower.start()
                    self._play(producer, followers, stop)
                finally:
                    producer.flush(10.0)
                    self.played.stats = producer.stats
                    self.played.seconds = time.monotonic() - began
        finally:
            for follower in followers.values():
                follower.close()
        return self.played

    def _play(self, producer: Producer, followers: Mapping[str, ModelFollower], stop: Callable[[], bool]) -> None:
        pacer = Pacer(max(TRAIN_RATE, self._rate))
        labels = 0
        for step, row in steps(len(self._table), self._train_rows, self._delay):
            if step is Step.LABEL:
                self._tell(producer, row)
                labels += 1
                continue
            if stop():
                return
            if step is Step.WAIT:
                producer.flush(30.0)
                self._wait(followers, stop)
                pacer = Pacer(self._rate)
                continue
            pacer.wait()
            if step is Step.PREDICT:
                self.played.labels_sent.append(labels)
                self.played.predicted_ms.append(time.time_ns() // 1_000_000)
            self._predict(producer, followers if step is Step.PREDICT else {}, row)
            self.played.rows = row + 1
            self._on_step(self.played)

    def _predict(self, producer: Producer, followers: Mapping[str, ModelFollower], row: int) -> None:
        features = self._features[row]
        for model in self._models:
            value, score, name = None, None, None
            if model in followers:
                answer = followers[model].predict(features)
                value, score, name = answer.value, answer.score, answer.name
                self.played.predictions[model].append(value)
                self.played.served[model].append(name)
            producer.prediction(
                model=model,
                id=self._id(row),
                time=self._table.times_ms[row],
                features=features,
                prediction=value,
                score=score,
                served=name,
            )
            self.played.events += 1

    def _tell(self, producer: Producer, row: int) -> None:
        # The label is known when its row has passed: its own event time is that of the row told about.
        producer.label(id=self._id(row), time=self._table.times_ms[row], label=self.played.labels[row])
        self.played.events += 1

    def _id(self, row: int) -> str:
        return f"row-{self.played.run_id}-{row}"

    def _wait(self, followers: Mapping[str, ModelFollower], stop: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self._wait_s
        for name, follower in followers.items():
            while not follower.wait_for_model(_TICK_S):
                self._on_step(self.played)
                if stop():
                    return
                if time.monotonic() > deadline:
                    raise TrainingError(
                        f"{name}: no first version within {self._wait_s:.0f} s of {self._train_rows:,} labelled rows; "
                        "are collector and trainer running? read their logs"
                    )

    def _reloaded(self, model: str) -> Callable[[ServedModel], None]:
        def reloaded(served: ServedModel) -> None:
            latency_ms = self._followers[model].stats.last_reload_ms
            if latency_ms is not None:
                online = served.learnt_offset is not None
                self.played.reloads.append(Reload(model, served.name, online, latency_ms / 1_000))

        return reloaded


def _features_of(config: Config, models: Sequence[str], table: Table) -> list[dict[str, Any]]:
    """Of each row, the columns that some model uses."""
    names = list(dict.fromkeys(name for model in models for name in config.models[model].features))
    missing = [name for name in names if name not in table.features[0]]
    if missing:
        raise ConfigError(f"the data file has no column {missing[0]!r}; its columns are {', '.join(table.features[0])}")
    return [{name: row[name] for name in names} for row in table.features]
