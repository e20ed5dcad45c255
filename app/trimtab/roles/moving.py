"""The last healthy windows of one model, to compare the next one with: by reference, segment and time of season."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from trimtab.config import ModelConfig
from trimtab.drift import Healthy, History
from trimtab.profiles import WindowProfile
from trimtab.windows import WindowKey

__all__ = ["Moving"]

# A rolled-back version's windows may come again.
_REFERENCES = 2
_Place = tuple[str, str, int]


class Moving:
    """Keeps ``reference.windows`` healthy windows for each reference, segment and place in the season.

    Each is one record of the state topic, under a key that is written anew when it is the oldest, so that what is
    written per window is one profile.

    Parameters
    ----------
    name, model
        The model and its configuration.
    records
        What :meth:`take_records` gave, by key, to go on from there.

    Examples
    --------
    >>> model = ModelConfig.model_validate({
    ...     "task": "binary", "features": {"x": {"type": "numeric"}}, "factory": {"class": "a:B"},
    ...     "window": {"size": "1h"}, "reference": {"from": "moving", "season": "1d"},
    ... })
    >>> moving = Moving("m", model)
    >>> key = WindowKey("inputs", 1, "m@1", "", 0, 3_600_000)
    >>> moving.add(key, WindowProfile(5), {})
    >>> list(moving.take_records())
    ['m/history/m@1//0/0']
    >>> tomorrow, later = (key._replace(start_ms=at, end_ms=at + 1) for at in (86_400_000, 90_000_000))
    >>> bool(moving.before(tomorrow)), bool(moving.before(later))
    (True, False)
    """

    def __init__(self, name: str, model: ModelConfig, records: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self._name = name
        self._most = model.reference.windows
        self._season_ms = model.reference.season
        # By place: number of the window, counted from the first, to the window.
        self._windows: dict[_Place, dict[int, Healthy]] = {}
        self._unwritten: dict[str, bytes | None] = {}
        for record in (records or {}).values():
            place = (str(record["reference"]), str(record["segment"]), int(record["slot"]))
            self._windows.setdefault(place, {})[int(record["number"])] = _healthy(record)

    def before(self, key: WindowKey) -> History:
        """Those to compare a window with: of its reference, segment and time of the season, and over when it began."""
        kept = self._windows.get(self._place(key), {})
        return History([kept[number] for number in sorted(kept) if kept[number].end_ms <= key.start_ms])

    def add(self, key: WindowKey, profile: WindowProfile, values: Mapping[str, Mapping[str, float]]) -> None:
        """What was healthy of a window, unless it overlaps the last one.

        A feature that it lacks, since something was wrong with it, keeps what it has of the window that makes room: so
        each feature has its own last healthy windows, and one that drifts for ever holds up no other.
        """
        place = self._place(key)
        kept = self._windows.get(place)
        if kept is None:
            self._expire(place[0])
            kept = self._windows[place] = {}
        number = max(kept, default=-1) + 1
        if kept and kept[number - 1].end_ms > key.start_ms:
            return
        kept[number] = _completed(
            Healthy(key.start_ms, key.end_ms, profile, values), kept.pop(number - self._most, None)
        )
        self._unwritten[self._key(place, number)] = self._record(place, number, kept[number])

    def take_records(self) -> dict[str, bytes | None]:
        """State records that were not written yet: keys without the role, values None for what is to be deleted."""
        records, self._unwritten = self._unwritten, {}
        return records

    def _place(self, key: WindowKey) -> _Place:
        slot = key.start_ms % self._season_ms if self._season_ms is not None else 0
        return key.reference or "", key.segment, slot

    def _key(self, place: _Place, number: int) -> str:
        reference, segment, slot = place
        return f"{self._name}/history/{reference}/{segment}/{slot}/{number % self._most}"

    def _expire(self, reference: str) -> None:
        """Forget the windows of references that are out of use."""
        newest: dict[str, int] = {}
        for (of, _, _), kept in self._windows.items():
            newest[of] = max(newest.get(of, 0), _newest(kept.values()))
        old = sorted(newest.keys() - {reference}, key=lambda of: newest[of], reverse=True)[_REFERENCES - 1 :]
        for place in [place for place in self._windows if place[0] in old]:
            self._unwritten |= {self._key(place, number): None for number in self._windows.pop(place)}

    @staticmethod
    def _record(place: _Place, number: int, window: Healthy) -> bytes:
        reference, segment, slot = place
        return orjson.dumps(
            {
                "reference": reference,
                "segment": segment,
                "slot": slot,
                "number": number,
                "start_ms": window.start_ms,
                "end_ms": window.end_ms,
                "values": window.values,
                "sketch": base64.b64encode(window.profile.to_bytes()).decode(),
            }
        )


def _completed(window: Healthy, oldest: Healthy | None) -> Healthy:
    if oldest is None:
        return window
    own = {*window.profile.numeric, *window.profile.categorical}
    # Of a window in which something was wrong no rows are kept, and the oldest's stand in for them as well.
    sample = oldest.profile.sample if window.profile.sample is None else None
    rest = replace(oldest.profile.without(own), count=0, performance=None, sample=sample)
    values = {feature: of for feature, of in oldest.values.items() if feature not in own}
    return replace(window, profile=window.profile.merge(rest), values=values | dict(window.values))


def _healthy(record: Mapping[str, Any]) -> Healthy:
    profile = WindowProfile.from_bytes(base64.b64decode(record["sketch"]))
    return Healthy(int(record["start_ms"]), int(record["end_ms"]), profile, record["values"])


def _newest(windows: Iterable[Healthy]) -> int:
    return max(window.end_ms for window in windows)
