"""What one monitored model is: features, windows, tests, triggers, factory, race and gates."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from trimtab.config.base import Positive, Share, Strict
from trimtab.config.consistency import require_consistent
from trimtab.config.duration import Milliseconds, format_ms, parse_rate
from trimtab.config.gates import Gates
from trimtab.config.races import CanarySpec, FactorySpec, ProbationSpec, RaceSpec, ShadowSpec, Triggers
from trimtab.config.sequential import SequentialSpec
from trimtab.config.statistics import CATEGORICAL_STATISTICS, NUMERIC_STATISTICS

__all__ = [
    "AbsenceSpec",
    "AlertSpec",
    "CategoricalFeature",
    "DriftSpec",
    "EventFields",
    "Feature",
    "ModelConfig",
    "NumericFeature",
    "PerformanceTest",
    "PublishSpec",
    "QualitySpec",
    "ReferenceSpec",
    "RetentionSpec",
    "TableColumns",
    "WindowSpec",
]

SAMPLE_ROWS = 512

_DAY_MS = 86_400_000


class NumericFeature(Strict):
    """A number; ``min`` and ``max`` are its domain, in its own unit."""

    type: Literal["numeric"] = "numeric"
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _domain(self) -> Self:
        if self.min is not None and self.max is not None and not self.min <= self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}, so that every value is out of domain")
        return self


class CategoricalFeature(Strict):
    """A string (integers and booleans are taken as their text); ``values`` are the known categories."""

    type: Literal["categorical"] = "categorical"
    values: tuple[str, ...] = Field(default=(), strict=False)

    @field_validator("values", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return tuple(_category(v) for v in value)
        return value


Feature = Annotated[NumericFeature | CategoricalFeature, Field(discriminator="type")]


def _category(value: object) -> str:
    """The text that events give a category: booleans and whole numbers are spelt as integers."""
    whole = isinstance(value, bool) or (isinstance(value, float) and value.is_integer())
    return str(int(value)) if whole else str(value)  # type: ignore[call-overload]  # both are numbers here


class EventFields(Strict):
    """Names of the fields in your events, where they differ from ours."""

    id: str = "id"
    time: str = "time"
    features: str = "features"
    prediction: str = "prediction"
    score: str = "score"
    label: str = "label"


class TableColumns(Strict):
    """Columns of this model's tables: what ``trimtab backtest`` reads beside the features."""

    label: str | None = None
    prediction: str | None = None
    score: str | None = None
    time: str | None = None


class WindowSpec(Strict):
    """Event-time windows: tumbling; hopping, one of ``size`` every ``hop``; or, with ``count``, by count.

    A window closes when the watermark (the smallest event time over the source partitions) has passed its end
    by ``lateness``; a partition that is silent for ``idle_timeout`` (wall time) no longer holds it open. One by count
    goes on, in steps of ``size``, until it holds ``count`` events or is ``longest`` long.
    """

    size: Milliseconds = Field(default=3_600_000, gt=0)
    hop: Milliseconds | None = Field(default=None, gt=0)
    count: Positive | None = None
    longest: Milliseconds = Field(default=_DAY_MS, gt=0)
    lateness: Milliseconds = Field(default=0, ge=0)
    idle_timeout: Milliseconds = Field(default=10_000, gt=0)
    min_count: Positive = 100

    @property
    def pane(self) -> int:
        """Milliseconds of the pieces that windows are made of."""
        return self.hop or self.size

    @property
    def cap(self) -> int:
        """Milliseconds that a window by count has at most: ``longest``, in whole steps of ``size``."""
        return -(-self.longest // self.size) * self.size

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.hop is not None and self.count is not None:
            raise ValueError("give hop or count, not both: a window by count does not overlap the next")
        if self.hop is not None and (self.hop > self.size or self.size % self.hop):
            raise ValueError(
                f"hop {format_ms(self.hop)} must divide size {format_ms(self.size)} into equal parts, such as "
                f"{format_ms(self.size)} and {format_ms(max(1, self.size // 4))}"
            )
        if self.longest != _DAY_MS and self.count is None:
            raise ValueError("longest is of windows by count; give count too, or leave it out")
        return self


class ReferenceSpec(Strict):
    """What windows are compared with.

    ``training``: the examples that the version learnt from, or what was set by hand. ``first_windows``: the first
    ``windows`` healthy windows of each version. ``moving``: the last ones, once ``least`` of them were measured; with
    ``season``, those at the same time of each season, such as 1d or 7d.
    """

    from_: Literal["training", "first_windows", "moving"] = Field(default="training", alias="from")
    windows: Positive = 8
    least: Positive = 5
    season: Milliseconds | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.season is not None and self.from_ != "moving":
            raise ValueError("season is of a moving reference; write from: moving, or leave it out")
        if self.from_ == "moving" and not 2 <= self.least < self.windows:
            raise ValueError(f"least must be from 2 to {self.windows - 1}, one below windows, not {self.least}")
        return self


class DriftSpec(Strict):
    """What counts as drift: an effect that reaches its threshold, and a p-value that is small enough.

    ``method: calibrated`` takes p-values from simulated null distributions and finds by itself how small is enough:
    ``false_alarms`` is the budget, an expected number in event time. ``method: thresholds`` takes formulas, where there
    are any, and the fixed ``alpha``. ``multivariate`` also measures whether the numeric features still go together.
    ``domain_classifier`` keeps whole rows of each window and of the reference, and asks how well an online classifier
    tells them apart; ``domain_threshold`` is by how much its area under the ROC curve must be above one half.
    """

    method: Literal["calibrated", "thresholds"] = "calibrated"
    false_alarms: str = "1 per 30d"
    thresholds: dict[str, float] = Field(
        default={
            "psi": 0.25,
            "js": 0.35,
            "ks": 0.2,
            "wasserstein": 0.45,
            "mean": 0.45,
            "spread": 0.4,
            "chi2": 0.3,
            "linf": 0.15,
        }
    )
    alpha: float = Field(default=1e-6, gt=0, le=1)
    agree: Positive = 1
    missing_rate: Share = 0.05
    multivariate: bool = False
    domain_classifier: bool = False
    domain_threshold: float = Field(default=0.1, ge=0, lt=0.5)
    ignore: tuple[str, ...] = Field(default=(), strict=False)

    @property
    def sample_rows(self) -> int:
        """How many whole rows of each window and of the reference are kept; 0 keeps none."""
        return SAMPLE_ROWS if self.domain_classifier else 0

    @property
    def budget(self) -> tuple[float, int]:
        """How many false alarms, and in how many milliseconds."""
        alarms, period_ms = parse_rate(self.false_alarms)
        return alarms, period_ms

    @field_validator("false_alarms")
    @classmethod
    def _rate(cls, value: str) -> str:
        parse_rate(value)
        return value

    @field_validator("thresholds")
    @classmethod
    def _known(cls, value: dict[str, float]) -> dict[str, float]:
        known = (*NUMERIC_STATISTICS, *CATEGORICAL_STATISTICS)
        for name, threshold in value.items():
            if name not in known:
                raise ValueError(f"unknown statistic {name!r}; the statistics are {', '.join(dict.fromkeys(known))}")
            if not threshold >= 0:
                raise ValueError(f"{name}: a threshold is not below zero")
        return value


class AbsenceSpec(Strict):
    """How long (wall time) nothing may come before that is an alert; null never is one.

    ``stale`` is how long a service may take to serve another champion: it is known without being told, so it is on.
    """

    predictions: Milliseconds | None = Field(default=None, gt=0)
    labels: Milliseconds | None = Field(default=None, gt=0)
    stale: Milliseconds | None = Field(default=600_000, gt=0)


class QualitySpec(Strict):
    """Limits of the data-quality checks; null switches one off.

    ``corrupt``, ``new_categories`` and ``out_of_domain`` are shares of a window's values, ``unit_change`` is a factor
    by which median and spread are multiplied or divided alike. ``refused`` and ``duplicates`` are shares of all events
    that came. ``volume`` is a factor by which a window's events are fewer or more than in those before; a season that
    is longer than a window may break it every day, so it is off.
    """

    constant: bool = True
    corrupt: Share | None = 0.0
    new_categories: Share | None = 0.05
    out_of_domain: Share | None = 0.01
    unit_change: float | None = Field(default=5.0, gt=1)
    refused: Share | None = 0.01
    duplicates: Share | None = 0.05
    volume: float | None = Field(default=None, gt=1)


class PerformanceTest(Strict):
    """An alarm on a windowed performance metric: worse than the reference by ``max_drop``, or beyond a limit."""

    metric: Literal["accuracy", "f1", "log_loss", "mae", "rmse"]
    max_drop: float | None = Field(default=None, ge=0)
    limit: float | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.max_drop is None) == (self.limit is None):
            raise ValueError("give exactly one of max_drop and limit")
        return self


class AlertSpec(Strict):
    """An alert fires after ``for_windows`` bad windows in a row and resolves after ``resolve_after`` good ones."""

    for_windows: Positive = 1
    resolve_after: Positive = 2


class PublishSpec(Strict):
    """How often, at most, an online champion's state goes to the registry."""

    every: Milliseconds = Field(default=20, ge=0)


class RetentionSpec(Strict):
    """Which versions stay in the registry; looked at after each change of the champion.

    The last ``keep_last``; with ``keep_champions`` all that were ever champion, which is every version that was not
    imported; and always those that are pinned, that the trainer needs, and the parents of all these.
    """

    keep_last: Positive = 20
    keep_champions: bool = True


class ModelConfig(Strict):
    """One monitored model.

    ``labels: false`` says that no outcomes ever come: predictions are profiled and not kept, so there is no
    performance and no learning, and a repeated prediction counts twice.
    """

    task: Literal["binary", "multiclass", "regression"]
    mode: Literal["online", "frozen"] = "frozen"
    features: dict[str, Feature] = Field(min_length=1)
    classes: tuple[str, ...] = Field(default=(), strict=False)
    fields: EventFields = EventFields()
    columns: TableColumns = TableColumns()
    segments: tuple[str, ...] = Field(default=(), strict=False)
    window: WindowSpec = WindowSpec()
    reference: ReferenceSpec = ReferenceSpec()
    labels: bool = True
    label_horizon: Milliseconds = Field(default=30 * 86_400_000, gt=0)
    drift: DriftSpec = DriftSpec()
    quality: QualitySpec = QualitySpec()
    absence: AbsenceSpec = AbsenceSpec()
    performance: tuple[PerformanceTest, ...] = Field(default=(), strict=False)
    sequential: tuple[SequentialSpec, ...] = Field(default=(), strict=False)
    alerts: AlertSpec = AlertSpec()
    triggers: Triggers = Triggers()
    factory: FactorySpec
    first_version_after: Positive = 1_000
    reference_examples: Positive = 5_000
    race: RaceSpec = RaceSpec()
    gates: Gates = Gates()
    canary: CanarySpec = CanarySpec()
    probation: ProbationSpec = ProbationSpec()
    shadows: tuple[ShadowSpec, ...] = Field(default=(), strict=False)
    publish: PublishSpec = PublishSpec()
    retention: RetentionSpec = RetentionSpec()
    admit: tuple[str, ...] = Field(default=(), strict=False)

    @property
    def numeric(self) -> tuple[str, ...]:
        """Names of the numeric features, in the file's order."""
        return tuple(n for n, f in self.features.items() if isinstance(f, NumericFeature))

    @property
    def categorical(self) -> tuple[str, ...]:
        """Names of the categorical features, in the file's order."""
        return tuple(n for n, f in self.features.items() if isinstance(f, CategoricalFeature))

    @property
    def protected_values(self) -> dict[str, tuple[str, ...]]:
        """The known values of each protected segment."""
        named = [one.segment for one in self.gates.protected]
        return {name: tuple(getattr(self.features[name], "values", ())) for name in named}

    @property
    def factories(self) -> dict[str, FactorySpec]:
        """By what all models are made: the model's own factory, and those of candidates and shadows, by their place."""
        found = {"factory": self.factory}
        for candidate in self.race.candidates:
            if candidate.factory is not None:
                found[f"race.candidates.{candidate.name}.factory"] = candidate.factory
        for shadow in self.shadows:
            found[f"shadows.{shadow.name}.factory"] = shadow.factory
        return found

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        require_consistent(self)
        return self
