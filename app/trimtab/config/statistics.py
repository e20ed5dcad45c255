"""Names of the statistics that a threshold may be set for, by the kind of feature that they measure."""

from __future__ import annotations

__all__ = ["CATEGORICAL_STATISTICS", "NUMERIC_STATISTICS"]

NUMERIC_STATISTICS = ("psi", "js", "hellinger", "ks", "cvm", "wasserstein", "energy", "mean", "spread")
CATEGORICAL_STATISTICS = ("chi2", "psi", "js", "hellinger", "linf", "new_categories")
