"""From statistics to one verdict per feature."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from trimtab.config import DriftSpec
from trimtab.drift.calibration import Calibration
from trimtab.drift.combination import combined
from trimtab.drift.domain import AUC, DOMAIN, LEAST_ROWS, STATISTIC, domain_classifier, is_fair
from trimtab.drift.registry import Kind, Measured, Statistic, statistics
from trimtab.profiles import RECONSTRUCTION, SCORE, CategoricalProfile, NumericProfile, Reference, WindowProfile

__all__ = ["FeatureVerdict", "Status", "evaluate"]

Profile = NumericProfile | CategoricalProfile
Status = Literal["ok", "drift", "missing", "too_few", "no_reference"]
MISSING_RATE = "missing_rate"
LEAST_REFERENCE = 30
"""Values under which a reference says nothing of a distribution."""


@dataclass(frozen=True, slots=True)
class FeatureVerdict:
    """What is the matter with one feature in one window.

    Parameters
    ----------
    status
        ``no_reference``: nothing to compare with (none, an empty one, or one in another frame).
        ``too_few``: fewer than the least count of events, or of usable values, in the window or in the reference.
        ``missing``: usable values are missing more often than they may. ``drift`` and ``ok``: the statistics.
    measured
        By name of the statistic; the missing rate is always among them when there was something to compare.
    exceeded
        Names of those beyond threshold and significant, sorted; also of a feature that drift ignores.
    p_value
        Of all its configured statistics together; None when none is beyond its threshold, or without calibration.
    """

    feature: str
    status: Status
    measured: Mapping[str, Measured] = field(default_factory=dict)
    exceeded: tuple[str, ...] = ()
    p_value: float | None = None


def evaluate(
    reference: Reference | None,
    window: WindowProfile,
    spec: DriftSpec,
    min_count: int,
    features: Iterable[str],
    calibration: Calibration | None = None,
) -> list[FeatureVerdict]:
    """One verdict per feature, in the order given; then of the score and the reconstruction when both sides have them,
    and of the classifier of whole rows when it is asked for and both sides have a sample.

    A statistic is exceeded when its value reaches its threshold and its p-value, if it has one, is at most the level:
    ``spec.alpha`` or, with ``calibration``, what the budget allows. With it the p-values of all statistics of the
    feature together (:func:`~trimtab.drift.combination.combined`) must be at most the level too. A feature has drifted
    when ``spec.agree`` of them are exceeded, or all that are configured for its kind when these are fewer. A missing
    rate that rose by more than ``spec.missing_rate`` comes before drift, since the values that still arrive are no fair
    sample. A feature in ``spec.ignore`` is measured and never has drifted.

    Parameters
    ----------
    reference
        None when the model has no reference yet.
    window
        Profiled in the reference's frames and categories.
    min_count
        Events, and usable values, under which nothing is said.
    calibration
        None takes the formulas' p-values and ``spec.alpha``.

    Examples
    --------
    >>> import numpy as np
    >>> from trimtab.profiles import NumericProfile, Reference, WindowProfile
    >>> ages = np.linspace(20.0, 60.0, 1000)
    >>> reference = Reference.of("r1", {"age": ages}, {}, {})
    >>> later = NumericProfile.of(ages + 15, reference.frame("age"))
    >>> [verdict] = evaluate(reference, WindowProfile(1000, {"age": later}), DriftSpec(), 100, ["age"])
    >>> verdict.status, verdict.exceeded
    ('drift', ('js', 'ks', 'mean', 'psi', 'wasserstein'))
    """
    wanted = list(features)
    if reference is not None:
        both = reference.profile.numeric.keys() & window.numeric.keys()
        wanted += [name for name in (SCORE, RECONSTRUCTION) if name in both and name not in wanted]
    found: list[FeatureVerdict | _Feature | _Rows] = [
        _measured(reference, window, spec, min_count, feature, calibration) for feature in wanted
    ]
    if reference is not None and spec.domain_classifier:
        found += _rows(reference, window, spec, min_count, calibration)
    if calibration is None:
        return [one if isinstance(one, FeatureVerdict) else one.verdict(spec, min_count, spec.alpha) for one in found]
    tested = [one for one in found if not isinstance(one, FeatureVerdict) and one.name not in spec.ignore]
    level = calibration.level([p_value for one in tested for p_value in one.p_values(spec)])
    return [one if isinstance(one, FeatureVerdict) else one.verdict(spec, min_count, level) for one in found]


@dataclass(frozen=True, slots=True)
class _Feature:
    """A feature that could be measured."""

    name: str
    before: Profile
    after: Profile
    measured: Mapping[str, Measured]
    combined: float | None

    def p_values(self, spec: DriftSpec) -> list[float]:
        """Those that take part in the budget; one that was not found out counts like any small one.

        For the statistics it is their least: that of all together is above one half too often to be counted on.
        """
        found = [m.p_value or 0.0 for name, m in self.measured.items() if name in spec.thresholds]
        return [min(found, default=1.0), self.measured[MISSING_RATE].p_value or 0.0]

    def verdict(self, spec: DriftSpec, min_count: int, level: float) -> FeatureVerdict:
        """What is the matter with it, when p-values up to ``level`` are small enough."""
        limits = spec.thresholds
        sure = self.combined is None or self.combined <= level
        exceeded = {n for n, m in self.measured.items() if sure and _exceeded(m, limits.get(n), level)}
        enough = min(spec.agree, len(self.measured.keys() & limits.keys()))
        status: Status = "ok"
        if self._is_missing(spec, level):
            status = "missing"
            exceeded.add(MISSING_RATE)
        elif self.after.count < min_count:
            status = "too_few"
        elif 0 < enough <= len(exceeded) and self.name not in spec.ignore:
            status = "drift"
        return FeatureVerdict(self.name, status, self.measured, tuple(sorted(exceeded)), self.combined)

    def _is_missing(self, spec: DriftSpec, level: float) -> bool:
        p_value = self.measured[MISSING_RATE].p_value
        rose = self.after.missing_rate - self.before.missing_rate > spec.missing_rate
        return rose and (spec.method == "thresholds" or p_value is None or p_value <= level)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Whole rows that could be told apart, more or less."""

    measured: Measured
    name: str = DOMAIN

    def p_values(self, spec: DriftSpec) -> list[float]:
        """The one that takes part in the budget."""
        return [self.measured.p_value or 0.0]

    def verdict(self, spec: DriftSpec, min_count: int, level: float) -> FeatureVerdict:
        """Whether they have drifted, when p-values up to ``level`` are small enough."""
        apart = _exceeded(self.measured, spec.domain_threshold, level)
        return FeatureVerdict(DOMAIN, "drift" if apart else "ok", {AUC: self.measured}, (AUC,) if apart else ())


def _rows(
    reference: Reference, window: WindowProfile, spec: DriftSpec, min_count: int, calibration: Calibration | None
) -> list[FeatureVerdict | _Rows]:
    """Nothing where a side has no sample, such as a segment or an older reference."""
    before, after = reference.profile.sample, window.sample
    if before is None or after is None:
        return []
    few = len(after) < min(max(min_count, LEAST_ROWS), after.capacity) or len(before) < LEAST_ROWS
    if few or not is_fair(before, reference.profile.count, 0.5) or not is_fair(after, window.count, 0.8):
        return [FeatureVerdict(DOMAIN, "too_few")]
    found = domain_classifier(before, after, spec.ignore)
    if calibration is not None and found.value >= spec.domain_threshold:
        found = calibration.calibrated(STATISTIC, reference.id, DOMAIN, before, after, found)
    return [_Rows(found)]


def _measured(
    reference: Reference | None,
    window: WindowProfile,
    spec: DriftSpec,
    min_count: int,
    feature: str,
    calibration: Calibration | None,
) -> FeatureVerdict | _Feature:
    before = None if reference is None else reference.profile.find(feature)
    if reference is None or before is None or before.total == 0:
        return FeatureVerdict(feature, "no_reference")
    # A window whose events never name the feature has it missing from every one of them.
    after = window.find(feature) or _all_missing(before, window.count)
    if not _comparable(before, after):
        return FeatureVerdict(feature, "no_reference")
    if before.count == 0:
        return FeatureVerdict(feature, "no_reference")
    if after.total < min_count or before.count < LEAST_REFERENCE:
        return FeatureVerdict(feature, "too_few")
    kind: Kind = "numeric" if isinstance(before, NumericProfile) else "categorical"
    configured = [s for s in statistics(kind) if s.name in spec.thresholds or s.name == MISSING_RATE]
    measured = {s.name: s.function(before, after) for s in configured}
    # Simulation is dear; where there is no effect its answer changes nothing.
    effect = any(measured[name].value >= limit for name, limit in spec.thresholds.items() if name in measured)
    if calibration is None or not effect or after.count == 0:
        return _Feature(feature, before, after, measured, None)
    tested = [s for s in configured if s.name in spec.thresholds]
    for s in tested:
        measured[s.name] = calibration.calibrated(s, reference.id, feature, before, after, measured[s.name])
    return _Feature(feature, before, after, measured, _together(tested, measured))


def _together(tested: Iterable[Statistic], measured: Mapping[str, Measured]) -> float | None:
    found = [(measured[s.name].p_value, s.weight) for s in tested]
    known = [(p_value, weight) for p_value, weight in found if p_value is not None]
    return combined([p for p, _ in known], [weight for _, weight in known]) if known else None


def _all_missing(like: Profile, events: int) -> Profile:
    if isinstance(like, NumericProfile):
        return NumericProfile(missing=events, frame=like.frame)
    return CategoricalProfile(missing=events)


def _comparable(before: Profile, after: Profile) -> bool:
    if isinstance(before, NumericProfile) and isinstance(after, NumericProfile):
        # A profile without values has no cells either, so its frame does not matter.
        return before.frame == after.frame or 0 in (before.count, after.count)
    return type(before) is type(after)


def _exceeded(measured: Measured, threshold: float | None, level: float) -> bool:
    if threshold is None or measured.value < threshold:
        return False
    return measured.p_value is None or measured.p_value <= level
