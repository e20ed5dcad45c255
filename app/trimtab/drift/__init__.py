"""Drift: how far one window lies from the reference, feature by feature.

A statistic is one file: a function from two profiles to :class:`Measured`, registered by ``@statistic``. To add one,
write the file, import it below, and name it in the configuration's list; the conformance suite in
``tests/unit/drift`` picks it up from the registry.
"""

from trimtab.drift import chi_squared, jensen_shannon, ks, linf, missing, psi, wasserstein
from trimtab.drift.evaluate import FeatureVerdict, Status, evaluate
from trimtab.drift.registry import Kind, Measured, Statistic, names, statistic, statistics

__all__ = [
    "evaluate",
    "FeatureVerdict",
    "Status",
    "Measured",
    "Statistic",
    "Kind",
    "statistic",
    "statistics",
    "names",
    "psi",
    "jensen_shannon",
    "ks",
    "wasserstein",
    "chi_squared",
    "linf",
    "missing",
]
