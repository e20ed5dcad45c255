"""What a model version is compared with: the profile of the data it was trained or accepted on."""

from __future__ import annotations

import base64
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

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
Metrics = Mapping[str, Mapping[str, float]]
_MOST_SKETCH_BYTES = 16_000_000


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
    segments: Mapping[str, Self] = field(default_factory=dict)

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
        segments: Mapping[str, npt.NDArray[np.bool_]] | None = None,
    ) -> Self:
        """Profile training data: numeric ``columns``, shape ``(n,)``, NaN for missing, and ``categories``.

        Of a feature with more than ``MAX_CATEGORIES`` categories, or more than half of ``MAX_NEW`` that
        occur only once, the most frequent are kept: chosen on the even rows, counted on the odd ones. The
        profile's count is the length of the longest column.

        With ``multivariate`` a basis is made of the numeric features, and ``RECONSTRUCTION`` is profiled; there is
        none of fewer than two features that vary, of more than fifty, or of fewer than some sixty rows.
        ``sample``, of the same rows, is kept in the profile. ``segments`` names rows, shape ``(n,)``, that are also
        profiled apart: :meth:`segment` is what their windows are compared with.
        """
        lengths = [len(column) for column in (*columns.values(), *categories.values())]
        basis, columns = _with_errors(columns) if multivariate else (None, columns)
        profile = WindowProfile(
            max(lengths, default=0),
            {name: NumericProfile.of(column, Frame.of(column)) for name, column in columns.items()},
            {name: _categorical(values) for name, values in categories.items()},
            sample=sample,
        )
        whole = cls(id, profile, dict(metrics), basis)
        parts = {name: whole._part(columns, categories, rows) for name, rows in (segments or {}).items()}
        return whole.with_segments(parts)

    def with_segments(self, profiles: Mapping[str, WindowProfile], metrics: Metrics | None = None) -> Self:
        """The same with other segments: their profiles, in this reference's frames, and what was reached on them."""
        reached = metrics or {}
        parts = {
            name: type(self)(f"{self.id}/{name}", profile, dict(reached.get(name, {})))
            for name, profile in sorted(profiles.items())
        }
        return replace(self, segments=parts)

    def segment(self, name: str) -> Self | None:
        """What windows of a segment are compared with, ``""`` being all rows; None when it has no rows of it.

        Never all rows in place of a segment: a segment differs from the rest, and honest windows would look drifted.

        Examples
        --------
        >>> import numpy as np
        >>> ages, old = np.array([20.0, 30.0, 70.0]), np.array([False, False, True])
        >>> reference = Reference.of("r1", {"age": ages}, {}, {}, segments={"group=old": old})
        >>> found = reference.segment("group=old")
        >>> found.id, found.profile.numeric["age"].maximum, reference.segment("group=young")
        ('r1/group=old', 70.0, None)
        """
        return self.segments.get(name) if name else self

    def _part(
        self,
        columns: Mapping[str, FloatArray],
        categories: Mapping[str, Sequence[str | None]],
        rows: npt.NDArray[np.bool_],
    ) -> WindowProfile:
        """Profile of some of the rows, as windows of theirs are profiled."""
        numeric = {}
        for name, column in columns.items():
            # Of errors, which are of odd rows only.
            own = rows[1::2] if name == RECONSTRUCTION else rows
            numeric[name] = NumericProfile.of(np.asarray(column)[own], self.frame(name))
        chosen = np.flatnonzero(rows).tolist()
        categorical = {
            name: CategoricalProfile.of([values[row] for row in chosen], self.known(name))
            for name, values in categories.items()
        }
        return WindowProfile(len(chosen), numeric, categorical)

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
        wire: dict[str, Any] = {"id": self.id, "profile": self.profile.to_wire(), "metrics": dict(self.metrics)}
        if self.basis is not None:
            wire["basis"] = self.basis.to_wire()
        if self.segments:
            wire["segments"] = {
                # There may be hundreds of profiles, and one record holds them all.
                name: {"sketch": base64.b64encode(zlib.compress(part.profile.to_bytes())).decode()}
                | {"metrics": dict(part.metrics)}
                for name, part in sorted(self.segments.items())
            }
        return wire

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> Self:
        """Read what :meth:`to_wire` wrote; raises ``ValueError`` or ``KeyError`` as the profile does."""
        basis = wire.get("basis")
        made = None if basis is None else Basis.from_wire(basis)
        whole = cls(str(wire["id"]), WindowProfile.from_wire(wire["profile"]), _metrics(wire["metrics"]), made)
        parts = wire.get("segments") or {}
        return whole.with_segments(
            {str(name): _inflated(part["sketch"]) for name, part in parts.items()},
            {str(name): _metrics(part["metrics"]) for name, part in parts.items()},
        )


def _inflated(sketch: str) -> WindowProfile:
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(base64.b64decode(sketch), _MOST_SKETCH_BYTES)
    except (zlib.error, TypeError) as error:
        raise ValueError(f"reference: a segment's profile is damaged ({error})") from error
    if not inflater.eof:
        raise ValueError(f"reference: a segment's profile is cut off, or more than {_MOST_SKETCH_BYTES} bytes")
    return WindowProfile.from_bytes(data)


def _metrics(wire: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(value) for name, value in wire.items()}


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
