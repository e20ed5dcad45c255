"""What a model version is compared with: the profile of the data it was trained or accepted on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from trimtab.profiles.basis import Basis
from trimtab.profiles.categorical import MAX_CATEGORIES, MAX_NAME_CHARS, MAX_NEW, CategoricalProfile
from trimtab.profiles.cells import FloatArray
from trimtab.profiles.frame import IDENTITY, Frame
from trimtab.profiles.numeric import NumericProfile
from trimtab.profiles.sample import RowSample
from trimtab.profiles.window import WindowProfile

__all__ = ["PREDICTION", "RECONSTRUCTION", "SCORE", "Reference"]

SCORE = "__score__"
"""Name under which the prediction's score is profiled, as a numeric feature."""

PREDICTION = "__prediction__"
"""Name under which the prediction is profiled: categorical for classification, numeric for regression."""

RECONSTRUCTION = "__reconstruction__"
"""Name under which each row's distance from what the reference's basis explains is profiled, as a numeric feature."""

_OUTPUTS = frozenset({SCORE, PREDICTION})


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference profile, and the metrics the model reached on it.

    It also fixes how windows are profiled: pass :meth:`frame` to :meth:`NumericProfile.of` and
    :meth:`known` to :meth:`CategoricalProfile.of`, else they cannot be compared with it.

    Examples
    --------
    >>> import numpy as np
    >>> ages = np.array([20.0, 30.0, 40.0])
    >>> reference = Reference.of("r1", {"age": ages}, {"colour": ["red", None, "red"]}, {})
    >>> reference.frame("age"), reference.known("colour")
    (Frame(center=30.0, scale=10.0), frozenset({'red'}))
    """

    id: str
    profile: WindowProfile
    metrics: Mapping[str, float] = field(default_factory=dict)
    basis: Basis | None = None

    @classmethod
    def of(
        cls,
        id: str,
        columns: Mapping[str, FloatArray],
        categories: Mapping[str, Sequence[str | None]],
        metrics: Mapping[str, float],
        *,
        multivariate: bool = False,
        sample: RowSample | None = None,
    ) -> Self:
        """Profile training data: numeric ``columns``, shape ``(n,)``, NaN for missing, and ``categories``.

        Of a feature with more than ``MAX_CATEGORIES`` categories, or more than half of ``MAX_NEW`` that
        occur only once, the most frequent are kept: chosen on the even rows, counted on the odd ones. The
        profile's count is the length of the longest column.

        With ``multivariate`` a basis is made of the numeric features, and ``RECONSTRUCTION`` is profiled; there is
        none of fewer than two features that vary, of more than fifty, or of fewer than some sixty rows.
        ``sample``, of the same rows, is kept in the profile.
        """
        lengths = [len(column) for column in (*columns.values(), *categories.values())]
        basis, columns = _with_errors(columns) if multivariate else (None, columns)
        profile = WindowProfile(
            max(lengths, default=0),
            {name: NumericProfile.of(column, Frame.of(column)) for name, column in columns.items()},
            {name: _categorical(values) for name, values in categories.items()},
            sample=sample,
        )
        return cls(id, profile, dict(metrics), basis)

    def frame(self, feature: str) -> Frame:
        """Frame in which windows of a numeric feature are profiled; ``IDENTITY`` when it is not known."""
        profile = self.profile.numeric.get(feature)
        return IDENTITY if profile is None else profile.frame

    def known(self, feature: str) -> frozenset[str] | None:
        """Categories by which windows of a feature are profiled; None (all) when it is not known."""
        profile = self.profile.categorical.get(feature)
        return None if profile is None else frozenset(profile.counts)

    def to_wire(self) -> dict[str, Any]:
        """Plain types, for JSON and Avro."""
        wire = {"id": self.id, "profile": self.profile.to_wire(), "metrics": dict(self.metrics)}
        return wire if self.basis is None else wire | {"basis": self.basis.to_wire()}

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> Self:
        """Read what :meth:`to_wire` wrote; raises ``ValueError`` or ``KeyError`` as the profile does."""
        metrics = {str(name): float(value) for name, value in wire["metrics"].items()}
        basis = wire.get("basis")
        made = None if basis is None else Basis.from_wire(basis)
        return cls(str(wire["id"]), WindowProfile.from_wire(wire["profile"]), metrics, made)


def _with_errors(columns: Mapping[str, FloatArray]) -> tuple[Basis | None, Mapping[str, FloatArray]]:
    """The basis of the features, and the columns with the errors from it.

    Components fit the rows that they are made of better than any others, and every honest window would look drifted. So
    even rows make the basis and odd rows are measured.
    """
    features = {name: np.asarray(column, np.float64) for name, column in columns.items() if name not in _OUTPUTS}
    if len({column.size for column in features.values()}) != 1:
        return None, columns
    basis = Basis.of({name: column[::2] for name, column in features.items()})
    if basis is None:
        return None, columns
    errors = basis.errors(np.array([features[name][1::2] for name in basis.features]))
    return basis, {**columns, RECONSTRUCTION: errors}


def _categorical(values: Sequence[str | None]) -> CategoricalProfile:
    found = Counter(value for value in values if value is not None and len(value) <= MAX_NAME_CHARS)
    once = sum(count == 1 for count in found.values())
    # Names seen once foretell how many a window will bring that the reference never saw (Good, 1953).
    if len(found) <= MAX_CATEGORIES and once <= MAX_NEW // 2:
        return CategoricalProfile.of(values)
    # Categories that are chosen for their high counts have counts that are too high (regression to the mean), and
    # every honest window would look drifted against them. So even rows choose and odd rows are counted.
    votes = Counter(name for name in values[::2] if name is not None and name in found)
    chosen = sorted(votes, key=lambda name: (-votes[name], name))[:MAX_CATEGORIES]
    counted = CategoricalProfile.of(values[1::2], frozenset(chosen))
    counts = {name: counted.counts.get(name, 0) for name in sorted(chosen)}
    return CategoricalProfile(counts, counted.other + sum(counted.new.values()), counted.missing)
