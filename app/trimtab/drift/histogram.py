"""Two histograms of one feature side by side, for people: what the reference looks like, and what the window does.

Verdicts do not come from these bins; they are few, of equal width, and the tails are pooled.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np

from trimtab.drift.binning import by_category
from trimtab.profiles import CategoricalProfile, NumericProfile
from trimtab.profiles.cells import FloatArray, cell_bounds

__all__ = ["BINS", "histogram_of"]

BINS: Final = 16
_CATEGORIES: Final = 16
_TAIL: Final = 0.005


def histogram_of(
    reference: NumericProfile | CategoricalProfile, window: NumericProfile | CategoricalProfile
) -> dict[str, Any] | None:
    """Labels of bins and the share of each side in them; None when a side has no value, or they cannot be compared.

    Numbers: 16 bins of equal width over the reference's middle 99 %, and what lies below and above. A cell counts
    where its middle lies, so a value is off by at most a cell. Categories: the 15 most frequent, and all others.

    Examples
    --------
    >>> found = histogram_of(CategoricalProfile({"a": 3, "b": 1}), CategoricalProfile({"a": 1, "b": 1}))
    >>> found["labels"], found["reference"], found["window"]
    (['a', 'b'], [0.75, 0.25], [0.5, 0.5])
    """
    if not reference.count or not window.count:
        return None
    if isinstance(reference, NumericProfile) and isinstance(window, NumericProfile):
        return _of_numbers(reference, window) if reference.frame == window.frame else None
    if isinstance(reference, CategoricalProfile) and isinstance(window, CategoricalProfile):
        return _of_categories(reference, window)
    return None


def _of_numbers(reference: NumericProfile, window: NumericProfile) -> dict[str, Any]:
    low, high = reference.quantile(_TAIL), reference.quantile(1 - _TAIL)
    edges = np.linspace(low, high, BINS + 1) if high > low else np.array([low, high])
    labels = [f"below {edges[0]:.4g}"]
    labels += [f"{a:.4g} to {b:.4g}" for a, b in pairwise(edges.tolist())] if high > low else [f"{low:.4g}"]
    labels += [f"above {edges[-1]:.4g}"]
    before, after = (_shares(profile, edges) for profile in (reference, window))
    return {"labels": labels, "reference": before, "window": after}


def _shares(profile: NumericProfile, edges: FloatArray) -> list[float]:
    bounds = np.stack(cell_bounds(profile.cells)) * profile.frame.scale + profile.frame.center
    middles = np.clip(bounds, profile.minimum, profile.maximum).mean(axis=0)
    # Both edges belong to the bins between them.
    at = np.searchsorted(edges, middles, side="right")
    at[middles == edges[-1]] = edges.size - 1
    counts = np.bincount(at, weights=profile.counts, minlength=edges.size + 1)
    return [round(float(share), 6) for share in counts / profile.count]


def _of_categories(reference: CategoricalProfile, window: CategoricalProfile) -> dict[str, Any]:
    names, before, after = by_category(reference, window)
    shares = [(name, b / reference.count, a / window.count) for name, b, a in zip(names, before, after, strict=True)]
    known = sorted((s for s in shares if s[0] is not None), key=lambda s: (-max(s[1], s[2]), s[0]))
    rest = [s for s in shares if s[0] is None] + known[_CATEGORIES - 1 :]
    shown = [(str(name), b, a) for name, b, a in known[: _CATEGORIES - 1]]
    if rest:
        shown.append(("(others)", sum(s[1] for s in rest), sum(s[2] for s in rest)))
    labels, left, right = zip(*shown, strict=True)
    return {
        "labels": list(labels),
        "reference": [round(float(share), 6) for share in left],
        "window": [round(float(share), 6) for share in right],
    }
