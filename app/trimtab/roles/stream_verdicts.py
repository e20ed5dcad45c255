"""What is said of a model's stream as a whole: how much comes, what is refused, what stays away; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trimtab.alerts import Evidence, Signal
from trimtab.config import AlertSpec, ModelConfig
from trimtab.quality import Amount, Volume
from trimtab.quality.volume import MOST
from trimtab.roles.records import Finding, Records
from trimtab.windows import Arrived, ClosedWindow, Silence, Stale, WindowKey
from trimtab.windows.followers import EVERY_MS

__all__ = ["StreamVerdicts"]

_AT_ONCE = AlertSpec(for_windows=1, resolve_after=1)


class StreamVerdicts:
    """Judges the stream of one model, whatever its values.

    Parameters
    ----------
    model
        Its configuration.
    records
        Where its alerts are kept.
    level
        Share of healthy windows whose count of events may be called wrong.
    state
        What :meth:`snapshot` gave, to go on from there.
    """

    def __init__(self, model: ModelConfig, records: Records, level: float, state: Mapping[str, Any]) -> None:
        self._model = model
        self._records = records
        self._level = level
        self._volume = None if model.quality.volume is None else Volume(model.quality.volume, state.get("volume"))
        self._counted_until: int | None = state.get("counted_until")

    def snapshot(self) -> dict[str, Any]:
        """The counts of healthy windows, as plain types."""
        return {
            "volume": None if self._volume is None else self._volume.snapshot(),
            "counted_until": self._counted_until,
        }

    def volume(self, closed: Sequence[ClosedWindow], now_ms: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Metric and alert records of how many events windows have; those that ended together closed together.

        Versions count together, so a promotion changes nothing. Empty windows between two others count; the first is
        left out, since it may have begun before the model was seen. Of hopping windows, those that do not overlap.
        """
        size = self._model.window.size
        spans: dict[tuple[int, int], list[ClosedWindow]] = {}
        for window in closed if self._volume is not None else ():
            key = window.key
            whole = key.end_ms - key.start_ms == size and not key.start_ms % size
            if key.kind == "inputs" and not key.segment and whole:
                spans.setdefault((key.start_ms, key.end_ms), []).append(window)
        metrics: list[dict[str, Any]] = []
        alerts: list[dict[str, Any]] = []
        for (start_ms, end_ms), windows in sorted(spans.items()):
            before, self._counted_until = self._counted_until, end_ms
            if before is None or start_ms < before:
                continue
            for empty_ms in range(max(before, start_ms - MOST * size), start_ms, size):
                alerts += self._amount(empty_ms, [], metrics, now_ms)
            alerts += self._amount(start_ms, windows, metrics, now_ms)
        return metrics, alerts

    def _amount(
        self, start_ms: int, windows: Sequence[ClosedWindow], metrics: list[dict[str, Any]], now_ms: int
    ) -> Iterator[dict[str, Any]]:
        """Judge the count of one window of all versions."""
        count = sum(window.profile.count for window in windows)
        amount = None if self._volume is None else self._volume.judge(count, self._level)
        if amount is None:
            return
        version = max((window.key.version for window in windows), default=0)
        key = WindowKey("inputs", version, None, "", start_ms, start_ms + self._model.window.size)
        status = "quality" if amount.wrong else "ok"
        metrics.append(self._records.metric(key, None, "volume", amount.ratio, count, status, amount.p_value))
        evidence = _evidence_of_volume(key, amount, self._model.quality.volume or 0.0, windows)
        signal = Signal.BAD if amount.wrong else Signal.GOOD
        yield from self._records.apply(key, Finding("quality", "(volume)", signal, evidence), now_ms)

    def absent(self, silence: Silence, now_ms: int) -> list[dict[str, Any]]:
        """Alert records of predictions or labels that stopped, or came again."""
        what = {"inputs": "predictions", "performance": "labels"}[silence.kind]
        evidence = Evidence(
            statistics={"silent_s": (now_ms - silence.heard_ms) / 1_000},
            p_values={},
            thresholds={"silent_s": silence.limit_ms / 1_000},
            count=0,
            start_ms=silence.heard_ms,
            end_ms=now_ms,
            last_produced_ms=silence.heard_ms,
            reference=None,
            offsets={},
            exceeded=("silent_s",) if silence.silent else (),
        )
        finding = Finding("absent", what, Signal.BAD if silence.silent else Signal.GOOD, evidence)
        key = WindowKey(silence.kind, 0, None, "", silence.heard_ms, now_ms)
        return list(self._records.apply(key, finding, now_ms, _AT_ONCE))

    def stale(self, stale: Stale, now_ms: int) -> list[dict[str, Any]]:
        """Alert records of a version that is served though another one is champion, or is no longer."""
        champion, after_ms = stale.champion, stale.heard_ms - stale.champion.since_ms
        evidence = Evidence(
            statistics={
                "served": float(stale.version),
                "champion": float(champion.version),
                "champion_since_s": champion.since_ms / 1_000,
                "stale_s": after_ms / 1_000,
            },
            p_values={},
            thresholds={"stale_s": stale.limit_ms / 1_000},
            count=0,
            start_ms=champion.since_ms,
            end_ms=stale.heard_ms,
            last_produced_ms=stale.heard_ms,
            reference=None,
            offsets={},
            exceeded=("stale_s",) if stale.stale else (),
        )
        finding = Finding("stale", None, Signal.BAD if stale.stale else Signal.GOOD, evidence)
        key = WindowKey("inputs", stale.version, None, "", champion.since_ms, stale.heard_ms)
        return list(self._records.apply(key, finding, now_ms, _AT_ONCE))

    def followers(self, counts: Mapping[int, int], now_ms: int) -> list[dict[str, Any]]:
        """Metric records of how many services serve each version; wall time."""
        end_ms = now_ms - now_ms % EVERY_MS
        keys = {version: WindowKey("inputs", version, None, "", end_ms - EVERY_MS, end_ms) for version in counts}
        return [self._records.metric(keys[v], None, "followers", float(n), n, "ok") for v, n in counts.items()]

    def arrived(self, arrived: Arrived, now_ms: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Metric and alert records of what was refused and what came twice in one window of arrival."""
        key = WindowKey("inputs", 0, None, "", arrived.start_ms, arrived.end_ms)
        spec, total = self._model.quality, arrived.total
        metrics: list[dict[str, Any]] = []
        alerts: list[dict[str, Any]] = []
        for name, count, limit in (
            ("refused", arrived.refused, spec.refused),
            ("duplicates", arrived.duplicates, spec.duplicates),
        ):
            share, enough = count / total, total >= self._model.window.min_count
            bad = enough and limit is not None and share > limit
            status = "too_few" if not enough else "quality" if bad else "ok"
            metrics.append(self._records.metric(key, None, name, share, total, status))
            evidence = Evidence(
                statistics={name: share},
                p_values={},
                thresholds={} if limit is None else {name: limit},
                count=total,
                start_ms=arrived.start_ms,
                end_ms=arrived.end_ms,
                last_produced_ms=arrived.end_ms,
                reference=None,
                offsets={},
                exceeded=(name,) if bad else (),
            )
            signal = Signal.NOTHING if not enough or limit is None else Signal.BAD if bad else Signal.GOOD
            alerts += self._records.apply(key, Finding("quality", f"({name})", signal, evidence), now_ms)
        return metrics, alerts


def _evidence_of_volume(key: WindowKey, amount: Amount, factor: float, windows: Sequence[ClosedWindow]) -> Evidence:
    return Evidence(
        statistics={"volume": amount.ratio, "expected": amount.expected},
        p_values={"volume": amount.p_value},
        thresholds={"volume": factor},
        count=amount.events,
        start_ms=key.start_ms,
        end_ms=key.end_ms,
        last_produced_ms=max((window.last_produced_ms for window in windows), default=key.end_ms),
        reference=None,
        offsets={},
        exceeded=("volume",) if amount.wrong else (),
    )
