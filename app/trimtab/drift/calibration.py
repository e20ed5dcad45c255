"""P-values from simulated nulls and earlier windows, and the level that a budget of false alarms allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trimtab.drift.budget import Budget
from trimtab.drift.history import History
from trimtab.drift.nulls import Nulls
from trimtab.drift.registry import Measured, Statistic
from trimtab.drift.significance import homogeneity
from trimtab.drift.tables import table

__all__ = ["Calibration"]

# A formula that says more is believed: it errs on the large side or by little, and no level is ever so high.
_CLEAR = 0.3
# What earlier windows say is so ordinary is not simulated: the larger p-value counts.
_USUAL = 0.05
# What is so rare by formula is rarer than any level by simulation; when everything drifts at once, nobody waits for it.
_SURE = 1e-12


@dataclass(frozen=True, slots=True)
class Calibration:
    """How the tests of one window are made comparable, and how many of them may be rejected.

    Parameters
    ----------
    window_ms
        Event time from this window to the next.
    share
        Of the budget, when a window's segments are tested apart.
    statistics
        Names of those that are asked for; None for all.
    history
        Earlier windows, when these are the reference: a window must be unusual among them too.
    """

    nulls: Nulls
    budget: Budget
    window_ms: int
    share: float = 1.0
    statistics: frozenset[str] | None = None
    history: History | None = None

    def calibrated(
        self, statistic: Statistic, reference: str, feature: str, before: Any, after: Any, measured: Measured
    ) -> Measured:
        """The statistic with its p-value from the null of this reference and size, or the history's if that is larger.

        Parameters
        ----------
        reference
            Its id: what is simulated is remembered under it.
        """
        usual = 0.0 if self.history is None else self.history.p_value(statistic, feature, measured.value)
        if usual > _USUAL:
            return Measured(measured.value, max(usual, measured.p_value or 0.0))
        found = self._simulated(statistic, f"{reference}/{feature}", before, after, measured)
        return found if found.p_value is None else Measured(found.value, max(found.p_value, usual))

    def _simulated(self, statistic: Statistic, name: str, before: Any, after: Any, measured: Measured) -> Measured:
        p_value = measured.p_value
        if statistic.view is None or (p_value is not None and p_value > _CLEAR):
            return measured
        if statistic.rare and p_value is not None and 1 in before.counts.values():
            return measured
        formula = self._formula(statistic, before, after) if p_value is None else p_value
        if formula <= _SURE:
            return Measured(measured.value, formula)
        simulated = self.nulls.p_value(statistic, name, before, after, measured.value, self.statistics)
        # Of a reference that is a constant, or nearly, simulation says nothing.
        return Measured(measured.value, formula if simulated is None else simulated)

    @staticmethod
    def _formula(statistic: Statistic, before: Any, after: Any) -> float:
        """Of a statistic without one: that of the bins."""
        columns = table("categories" if statistic.kind == "categorical" else "tenths", before, after)
        return homogeneity(columns.expected, columns.found)

    @property
    def allowance(self) -> float:
        """False alarms that one window may be expected to have, for tests that stand beside those of drift."""
        return min(1.0, self.budget.per_ms * self.window_ms * self.share)

    def level(self, p_values: Sequence[float]) -> float:
        """Largest p-value that is small enough."""
        return self.budget.level(self.window_ms, p_values, self.share)
