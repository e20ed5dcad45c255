"""What everyone should find: computed offline, from the same events, without Kafka."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadtest.peers.scripts.task import BINS, EDGES, FEATURES
from loadtest.peers.stream import Block, block
from trimtab import drift
from trimtab.config import DriftSpec
from trimtab.profiles import NumericProfile, Reference, WindowProfile

__all__ = ["Truth", "WindowTruth", "reference", "truth_of"]

REFERENCE_ROWS = 20_000
_REFERENCE_SEED = 7
_PSI_ALONE = DriftSpec(thresholds={"psi": 0.25})
_LEAST_SHARE = 1e-6

Psi = dict[str, float]


@dataclass(frozen=True, slots=True)
class WindowTruth:
    """One window.

    Parameters
    ----------
    events
        How many events it has.
    psi
        By feature, of 20 bins against N(0, 1).
    trimtab_psi
        By feature, as Trimtab defines it, against the sample that its reference is made of.
    """

    events: int
    psi: Psi
    trimtab_psi: Psi


Truth = dict[int, WindowTruth]
"""By start of the window, in ms."""


def reference() -> Reference:
    """What version 1 of the model is compared with: a sample of N(0, 1)."""
    rng = np.random.default_rng(_REFERENCE_SEED)
    columns = {name: rng.normal(size=REFERENCE_ROWS) for name in FEATURES}
    return Reference.of("credit@1", columns, {}, {})


def truth_of(windows: int) -> Truth:
    """The truth about the first ``windows`` windows of the stream."""
    against = reference()
    found = {}
    for number in range(windows):
        events = block(number)
        found[events.start_ms] = WindowTruth(len(events.scores), _psi(events), _trimtab_psi(events, against))
    return found


def _psi(events: Block) -> Psi:
    return {name: _psi_of(events.features[:, k]) for k, name in enumerate(FEATURES)}


def _psi_of(values: npt.NDArray[np.float64]) -> float:
    counts = np.bincount(np.searchsorted(EDGES, values, side="right"), minlength=BINS)
    shares = np.maximum(counts / values.size, _LEAST_SHARE)
    return float(((shares - 1 / BINS) * np.log(shares * BINS)).sum())


def _trimtab_psi(events: Block, against: Reference) -> Psi:
    numeric = {name: NumericProfile.of(events.features[:, k], against.frame(name)) for k, name in enumerate(FEATURES)}
    window = WindowProfile(len(events.scores), numeric)
    verdicts = drift.evaluate(against, window, _PSI_ALONE, 1, FEATURES)
    return {verdict.feature: verdict.measured["psi"].value for verdict in verdicts}
