"""Features over windows: how large each effect was beside its threshold, and where alarms fired."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from trimtab.backtest.report import plural

__all__ = ["draw"]


def draw(found: Mapping[str, Any], png: Path) -> None:
    """Draw a report's windows and alerts; colours are minus the logarithm of the least p-value, at most 12."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.dates as mdates
    import matplotlib.pyplot as plt

    windows = [w for w in found["windows"] if w["kind"] == "inputs" and not w["segment"]]
    features = list(dict.fromkeys(name for w in windows for name in w["features"])) or ["(no feature)"]
    strengths = np.full((len(features), max(1, len(windows))), np.nan)
    for column, window in enumerate(windows):
        for name, feature in window["features"].items():
            p_values = [m["p_value"] for m in feature["statistics"].values() if m["p_value"] is not None]
            if p_values and feature["status"] not in ("too_few", "no_reference"):
                strengths[features.index(name), column] = -np.log10(max(min(p_values), 1e-12))
    figure, axes = plt.subplots(figsize=(12, 1.6 + 0.36 * len(features)), layout="constrained")
    edges = [_date(window["start"]) for window in windows] + [_date(windows[-1]["end"])] if windows else []
    if windows:
        image = axes.pcolormesh(
            edges, np.arange(len(features) + 1), strengths, cmap="cividis_r", vmin=0, vmax=12, shading="flat"
        )
        figure.colorbar(image, ax=axes, label="-log10 of the least p-value", pad=0.01)
    for kind, marker, colour in (("drift", "v", "#D55E00"), ("missing", "s", "#CC79A7"), ("quality", "X", "#009E73")):
        alerts = [a for a in found["alerts"] if a["kind"] == kind and a["feature"] in features]
        times = [_date(alert["event_time"]) for alert in alerts]
        rows = [features.index(alert["feature"]) + 0.5 for alert in alerts]
        # An alarm stands at its window's end, which may be the edge of the plot.
        look = {"marker": marker, "s": 44, "color": colour, "edgecolor": "white", "linewidth": 0.7}
        axes.scatter(times, rows, label=f"alarm: {kind}", clip_on=False, zorder=3, **look)
    for window in windows:
        if window["cut"]:
            axes.axvspan(_date(window["start"]), _date(window["end"]), fill=False, hatch="//", edgecolor="white", lw=0)
    axes.set_yticks(np.arange(len(features)) + 0.5, features, fontsize=9)
    axes.invert_yaxis()
    locator = mdates.AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
    axes.set_xlabel("event time (UTC)")
    cut = "; hatched: the data does not fill the window" if any(window["cut"] for window in windows) else ""
    axes.set_title(f"{found['model']}: {plural(found['alarms'], 'alarm')}{cut}", loc="left", fontsize=12)
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.18), ncols=3, frameon=False, fontsize=9)
    figure.savefig(png, dpi=130)
    plt.close(figure)


def _date(text: str) -> datetime:
    return datetime.fromisoformat(text)
