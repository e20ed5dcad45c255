"""A version's first healthy windows as its reference, for versions without training data or on request."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from trimtab.config import ModelConfig
from trimtab.profiles import Frame, NumericProfile, Reference, WindowProfile
from trimtab.windows import WindowKey

__all__ = ["FirstWindows"]

# A frame's centre may be so many interquartile ranges from a quartile; of the frame's own values that is at most 1.
_FITS = 1.5
_MOST_FRAMES = 5


@dataclass(slots=True)
class _Gathered:
    """What one version waits for, and what it has."""

    reference: str | None = None
    frames: int = 0
    windows: int = 0
    profile: WindowProfile | None = None
    segments: dict[str, WindowProfile] = field(default_factory=dict)
    done: bool = False
    # What its windows were compared with, once there are enough of them.
    before: Reference | None = None


class FirstWindows:
    """Gathers ``reference.windows`` healthy windows of each version, and makes their sum its reference.

    A version that has a reference of training examples is compared with that until then, and its windows are in the
    reference's frames. One that has none is profiled in frames that know nothing, too coarse for features far from
    zero: so its first windows are spent on finding frames, published as references without values.

    A reference that was set by hand is let be. Where references move, a version that has none needs only frames.

    Parameters
    ----------
    name, model
        The model and its configuration.
    state
        What :meth:`snapshot` gave, to go on from there.
    """

    def __init__(self, name: str, model: ModelConfig, state: Mapping[str, Any] | None = None) -> None:
        self._name = name
        self._model = model
        self._only_frames = model.reference.from_ == "moving"
        self._versions = {int(version): _from_wire(wire) for version, wire in (state or {}).items()}
        self._unpublished: list[tuple[int, Reference]] = []

    def snapshot(self) -> dict[str, Any]:
        """Plain types; of versions that are done, only that."""
        return {str(version): _to_wire(gathered) for version, gathered in sorted(self._versions.items())}

    def take_references(self) -> list[tuple[int, Reference]]:
        """Versions and their references that are to be published, each once; after all windows that closed together."""
        for version, gathered in self._versions.items():
            if gathered.before is not None and gathered.profile is not None:
                self._finish(version, gathered, gathered.profile, gathered.before)
        references, self._unpublished = self._unpublished, []
        return references

    def add(self, key: WindowKey, profile: WindowProfile, reference: Reference | None) -> None:
        """A healthy window of inputs, of a segment or of all rows; that of all rows comes first.

        Parameters
        ----------
        reference
            What the registry has for the version; None while it has none.
        """
        gathered = self._versions.setdefault(key.version, _Gathered())
        known = None if reference is None else reference.id
        trained = known == f"{self._name}@{key.version}"
        if trained and self._only_frames:
            return
        # What was published may not have arrived yet; windows that began before it did are in other frames.
        if gathered.done or key.reference != known or not (trained or known == gathered.reference):
            return
        if key.segment:
            if not self._only_frames:
                before = gathered.segments.get(key.segment)
                gathered.segments[key.segment] = profile if before is None else before.merge(profile)
            return
        if not trained and gathered.frames < _MOST_FRAMES and (reference is None or _coarse(profile)):
            gathered.frames += 1
            # What was gathered is in the frames of before, and does not merge with what comes.
            gathered.windows, gathered.profile, gathered.segments = 0, None, {}
            self._publish(key.version, gathered, Reference(f"frames-{gathered.frames}", _framed(profile)))
            return
        if self._only_frames:
            # Later windows may lie elsewhere: that is drift, and no reason for others.
            gathered.done = True
        if gathered.done or gathered.before is not None:
            return
        gathered.profile = profile if gathered.profile is None else gathered.profile.merge(profile)
        gathered.windows += 1
        if gathered.windows == self._model.reference.windows:
            # Windows of segments that closed together with this one are still to come.
            gathered.before = reference

    def _finish(self, version: int, gathered: _Gathered, profile: WindowProfile, before: Reference) -> None:
        # What was found about the version, its metrics and which way features go together, stays.
        made = replace(before, id=f"first-{gathered.windows}", profile=replace(profile, performance=None))
        reached = {name: part.metrics for name, part in before.segments.items()}
        self._publish(version, gathered, made, gathered.segments, reached)
        gathered.done, gathered.profile, gathered.segments, gathered.before = True, None, {}, None

    def _publish(
        self,
        version: int,
        gathered: _Gathered,
        made: Reference,
        segments: Mapping[str, WindowProfile] | None = None,
        reached: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        named = replace(made, id=f"{self._name}@{version}/{made.id}").with_segments(segments or {}, reached)
        gathered.reference = named.id
        self._unpublished.append((version, named))


def _framed(profile: WindowProfile) -> WindowProfile:
    """No values, in frames that fit these."""
    return WindowProfile(0, {name: NumericProfile.empty(_frame(of)) for name, of in profile.numeric.items()})


def _frame(profile: NumericProfile) -> Frame:
    if profile.count == 0:
        return profile.frame
    if profile.minimum == profile.maximum:
        return Frame.of([profile.minimum])
    return Frame(profile.quantile(0.5), _range(profile))


def _coarse(profile: WindowProfile) -> bool:
    """Whether a feature is far from the centre of the frame that it has, so that its cells are wide."""
    return any(_is_coarse(of) for of in profile.numeric.values())


def _is_coarse(profile: NumericProfile) -> bool:
    if profile.count == 0 or profile.minimum == profile.maximum:
        return False
    farthest = max(abs(profile.quantile(q) - profile.frame.center) for q in (0.25, 0.75))
    return farthest > _FITS * _range(profile)


def _range(profile: NumericProfile) -> float:
    """Of the quartiles; where these are one value, such as most of a feature's, the standard deviation."""
    between = profile.quantile(0.75) - profile.quantile(0.25)
    return between if between > profile.std * 1e-6 else profile.std


def _to_wire(gathered: _Gathered) -> dict[str, Any]:
    sketch = None if gathered.profile is None else _encoded(gathered.profile)
    return {
        "reference": gathered.reference,
        "frames": gathered.frames,
        "windows": gathered.windows,
        "sketch": sketch,
        "segments": {name: _encoded(profile) for name, profile in sorted(gathered.segments.items())},
        "done": gathered.done,
    }


def _from_wire(wire: Mapping[str, Any]) -> _Gathered:
    sketch = wire["sketch"]
    profile = None if sketch is None else _decoded(sketch)
    # States of earlier releases have no segments.
    segments = {str(name): _decoded(of) for name, of in wire.get("segments", {}).items()}
    counts = int(wire["frames"]), int(wire["windows"])
    return _Gathered(wire["reference"], *counts, profile, segments, bool(wire["done"]))


def _encoded(profile: WindowProfile) -> str:
    return base64.b64encode(profile.to_bytes()).decode()


def _decoded(sketch: str) -> WindowProfile:
    return WindowProfile.from_bytes(base64.b64decode(sketch))
