"""Energy distance."""

from __future__ import annotations

import numpy as np

from trimtab.drift.distribution import difference
from trimtab.drift.registry import tabulated
from trimtab.drift.wasserstein import unit
from trimtab.profiles.cells import FloatArray

__all__ = ["energy"]


@tabulated("energy", "numeric", "cells")
def energy(expected: FloatArray, found: FloatArray, at: FloatArray) -> FloatArray:
    """Energy distance, in roots of the reference's standard deviation: ``sqrt(2 * integral((F - G)**2) / deviation)``.

    Székely and Rizzo (2013). Values stand in the middle of their cells and are winsorised as for :func:`wasserstein`,
    which also has the unit of a constant reference. It has no p-value by formula.

    Raises
    ------
    ValueError
        The frames differ.

    Examples
    --------
    >>> from trimtab.profiles import Frame, NumericProfile
    >>> ramp = np.linspace(0.0, 1.0, 1000)
    >>> reference = NumericProfile.of(ramp, Frame.of(ramp))
    >>> energy(reference, reference).value
    0.0
    """
    area = (np.square(difference(expected, found)[..., :-1]) * np.diff(at)).sum(axis=-1)
    return np.asarray(np.sqrt(2 * area / unit(expected, at)))
