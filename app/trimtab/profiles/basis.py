"""What goes together in a reference: principal components, and how far a row lies from what they explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from trimtab.profiles.cells import FloatArray
from trimtab.profiles.frame import Frame

__all__ = ["LEAST_ROWS", "MOST_FEATURES", "Basis"]

LEAST_ROWS = 30
"""Rows under which no components are told from noise; and at least two for each feature."""

MOST_FEATURES = 50
"""Features up to which every sum stays below 2**53, and so is exact whatever its order."""

_EXPLAINED = 0.65  # share of the variance; what is left must be enough to see what the components miss
_IQR_OF_NORMAL = 1.349  # in standard deviations
_FARTHEST = 10.0  # standard deviations: one corrupt value must not be the whole of a window
_ROUNDING = 0.01  # products of rounded unit vectors of fifty numbers are off by at most 0.002
_UNIT = 4096.0  # a power of two: of standard deviations and of components


@dataclass(frozen=True, slots=True)
class Basis:
    """Principal components of the numeric features of a reference.

    A row's error is what they do not explain of it: the square root of the Q statistic (Jackson and Mudholkar 1979).
    It grows when features no longer go together as they did, though each alone is distributed as before. Everything is
    rounded to whole numbers first, whose sums are exact in float64: a row has the same error to the last bit in
    whatever batch it comes.

    Parameters
    ----------
    features
        ``d`` names, from 2 to ``MOST_FEATURES``.
    centers, scales
        ``d`` medians, which stand for missing values too, and ``d`` scales, in each feature's unit.
    components
        ``k`` rows of ``d`` numbers, in units of 1/4096; ``k`` is less than ``d``.

    Raises
    ------
    ValueError
        They do not fit each other, or the components are not orthonormal.

    Examples
    --------
    >>> x = np.linspace(-1.0, 1.0, 101)
    >>> basis = Basis.of({"x": x, "y": 2 * x})
    >>> basis.errors(np.array([[1.0, 1.0, np.nan], [2.0, -2.0, 0.0]])).round(1).tolist()
    [0.0, 1.9, 0.0]
    """

    features: tuple[str, ...]
    centers: tuple[float, ...]
    scales: tuple[float, ...]
    components: tuple[tuple[int, ...], ...]
    _matrix: FloatArray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        width = len(self.features)
        fits = len(self.centers) == len(self.scales) == width and all(len(row) == width for row in self.components)
        if not (fits and 2 <= width <= MOST_FEATURES and 1 <= len(self.components) < width):
            raise ValueError("basis: features, centers, scales and components do not fit each other")
        for center, scale in zip(self.centers, self.scales, strict=True):
            Frame(center, scale)
        matrix = np.array(self.components, np.float64)
        # The bound of every sum rests on it.
        if np.abs(matrix @ matrix.T / _UNIT**2 - np.eye(len(matrix))).max() > _ROUNDING:
            raise ValueError("basis: the components are not at right angles and of length 1")
        object.__setattr__(self, "_matrix", matrix)

    @classmethod
    def of(cls, columns: Mapping[str, FloatArray]) -> Self | None:
        """Components that explain 65 % of the variance, at most all but one.

        Parameters
        ----------
        columns
            Of equal length, shape ``(n,)``; NaN is missing. Those that never vary are left out.

        Returns
        -------
        None when fewer than two features, or more than ``MOST_FEATURES``, vary, or there are too few rows.
        """
        frames = {name: Frame.of(column) for name, column in columns.items()}
        if not frames:
            return None
        centers = np.array([frame.center for frame in frames.values()])
        scales = np.array([frame.scale / _IQR_OF_NORMAL for frame in frames.values()])
        rounded = _rounded(np.array(list(columns.values()), np.float64), centers, scales)
        varying = np.flatnonzero(rounded.min(axis=1) < rounded.max(axis=1)) if rounded.shape[1] else np.empty(0, int)
        width, rows = varying.size, rounded.shape[1]
        if not 2 <= width <= MOST_FEATURES or rows < max(LEAST_ROWS, 2 * width):
            return None
        names = list(frames)
        return cls(
            tuple(names[k] for k in varying),
            tuple(centers[varying].tolist()),
            tuple(scales[varying].tolist()),
            _components(rounded[varying]),
        )

    def rows_in(self, names: Sequence[str]) -> list[int] | None:
        """Where its features are among ``names``; None when one is not there."""
        place = {name: k for k, name in enumerate(names)}
        found = [place.get(name, -1) for name in self.features]
        return None if -1 in found else found

    def errors(self, values: npt.NDArray[np.float64]) -> FloatArray:
        """Distance of each row from its reconstruction, in standard deviations; never NaN.

        Parameters
        ----------
        values
            Shape ``(d, n)``, in the order of ``features``; NaN is missing.

        Returns
        -------
        Shape ``(n,)``.
        """
        rounded = _rounded(values, np.array(self.centers), np.array(self.scales))
        # At most 50 * 4096 * 40960 = 2**33, and 49 * 4096 times that, 2**51: exact.
        explained = self._matrix.T @ (self._matrix @ rounded)
        rest = np.rint(rounded - explained / (_UNIT * _UNIT))
        return np.asarray(np.sqrt(np.einsum("ij,ij->j", rest, rest)) / _UNIT)

    def to_wire(self) -> dict[str, Any]:
        """Plain types, for JSON and Avro."""
        return {
            "features": list(self.features),
            "centers": list(self.centers),
            "scales": list(self.scales),
            "components": [list(row) for row in self.components],
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_wire` wrote; raises ``ValueError`` or ``KeyError`` when it is damaged."""
        return cls(
            tuple(str(name) for name in wire["features"]),
            tuple(float(center) for center in wire["centers"]),
            tuple(float(scale) for scale in wire["scales"]),
            tuple(tuple(int(number) for number in row) for row in wire["components"]),
        )


def _rounded(values: npt.NDArray[np.float64], centers: FloatArray, scales: FloatArray) -> npt.NDArray[np.float64]:
    """Whole numbers in units of 1/4096 standard deviations, at most ten of them; 0 for missing."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = values - centers[:, None]
        found /= scales[:, None]
    np.clip(found, -_FARTHEST, _FARTHEST, out=found)
    found *= _UNIT
    np.rint(found, out=found)
    found[np.isnan(found)] = 0.0
    return found


def _components(rounded: npt.NDArray[np.float64]) -> tuple[tuple[int, ...], ...]:
    values = rounded / _UNIT
    values -= values.mean(axis=1, keepdims=True)
    variances, vectors = np.linalg.eigh(values @ values.T)
    share = np.cumsum(variances[::-1]) / variances.sum()
    count = min(int(np.searchsorted(share, _EXPLAINED)) + 1, len(variances) - 1)
    chosen = vectors[:, ::-1][:, :count].T
    # A component and its opposite are the same; the one whose largest number is positive is taken.
    largest = np.take_along_axis(chosen, np.abs(chosen).argmax(axis=1)[:, None], axis=1)
    whole = np.rint(chosen * np.sign(largest) * _UNIT)
    return tuple(tuple(int(number) for number in row) for row in whole)
