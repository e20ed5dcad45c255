"""Where a feature lives on the number line: the origin and unit in which its cells are counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

__all__ = ["Frame", "IDENTITY", "LARGEST"]

LARGEST = 1e140
"""Largest magnitude that counts as a measurement: its squares, summed over 1e20 events, fit a float64."""

_SMALLEST_SCALE = 1e-140  # dividing LARGEST by less would overflow float64


@dataclass(frozen=True, slots=True)
class Frame:
    """Centre and scale of a feature, both in the feature's unit; ``scale`` is above zero.

    Only profiles in the same frame can be merged or compared, since a cell number means nothing without it.

    Examples
    --------
    >>> Frame.of([1.0, 2.0, 3.0, 4.0, 5.0])
    Frame(center=3.0, scale=2.0)
    >>> Frame.of([40.0, 40.0])
    Frame(center=40.0, scale=0.04)
    """

    center: float
    scale: float

    def __post_init__(self) -> None:
        if not (abs(self.center) <= LARGEST and 0 < self.scale <= 2 * LARGEST):
            raise ValueError(f"frame needs a finite center and a scale above zero, not {self}")

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Self:
        """Median and interquartile range of the finite values; ``IDENTITY``'s numbers when there are none.

        A range of zero falls back to the standard deviation, and a constant to a thousandth of
        ``max(|median|, 1)``: small, so that a constant which comes alive is seen, and never zero.

        Parameters
        ----------
        values
            Any shape, in the feature's unit; NaN, infinities and magnitudes above ``LARGEST`` are left out.
        """
        array = np.asarray(values, dtype=np.float64).ravel()
        array = array[np.abs(array) <= LARGEST]
        if array.size == 0:
            return cls(0.0, 1.0)
        low, center, high = (float(q) for q in np.percentile(array, (25, 50, 75)))
        if high - low > _SMALLEST_SCALE:
            return cls(center, high - low)
        # Equal values have a standard deviation of a few ulps instead of zero, so it is not asked.
        deviation = 0.0 if array.min() == array.max() else float(array.std())
        if deviation > _SMALLEST_SCALE:
            return cls(center, deviation)
        return cls(center, max(abs(center), 1.0) * 1e-3)

    def to_wire(self) -> dict[str, float]:
        """Plain numbers, for JSON and Avro."""
        return {"center": self.center, "scale": self.scale}

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> Self:
        """Read what :meth:`to_wire` wrote; raises ``ValueError`` on a scale that is not above zero."""
        return cls(float(wire["center"]), float(wire["scale"]))


IDENTITY = Frame(0.0, 1.0)
"""The frame of a feature whose reference is not known: its own unit."""
