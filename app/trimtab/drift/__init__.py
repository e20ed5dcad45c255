"""Drift: how far one window lies from the reference, feature by feature.

A statistic is one file: a function of the counts of two profiles, registered by ``@tabulated``, or of the profiles
themselves, by ``@statistic``. To add one, write the file, import it below, and name it in the configuration's list; the
conformance suite in ``tests/unit/drift`` picks it up from the registry.
"""

from trimtab.drift import (
    chi_squared,
    cramer_von_mises,
    energy,
    hellinger,
    jensen_shannon,
    ks,
    linf,
    missing,
    new_categories,
    psi,
    shift,
    spread,
    wasserstein,
)
from trimtab.drift.budget import Budget
from trimtab.drift.calibration import Calibration
from trimtab.drift.domain import AUC, DOMAIN, domain_classifier
from trimtab.drift.evaluate import FeatureVerdict, Status, evaluate
from trimtab.drift.histogram import histogram_of
from trimtab.drift.history import Healthy, History
from trimtab.drift.nulls import Nulls
from trimtab.drift.registry import Kind, Measured, Statistic, names, statistic, statistics, tabulated

__all__ = [
    "AUC",
    "DOMAIN",
    "Budget",
    "Calibration",
    "Healthy",
    "History",
    "Nulls",
    "evaluate",
    "histogram_of",
    "FeatureVerdict",
    "Status",
    "Measured",
    "Statistic",
    "Kind",
    "statistic",
    "tabulated",
    "statistics",
    "names",
    "chi_squared",
    "cramer_von_mises",
    "domain_classifier",
    "energy",
    "hellinger",
    "jensen_shannon",
    "ks",
    "linf",
    "missing",
    "new_categories",
    "psi",
    "shift",
    "spread",
    "wasserstein",
]
