"""The result as a table for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

__all__ = ["cells", "table"]

_COLUMNS = ("events/s min", "median", "max", "CPU us/event", "RSS MB", "windows", "late", "PSI error", "check")


def table(peers: Mapping[str, Mapping[str, Any]], title: str) -> Table:
    """One row a peer, in the order given."""
    made = Table(title=title, title_justify="left")
    made.add_column("")
    for name in _COLUMNS:
        made.add_column(name, justify="right")
    for name, found in peers.items():
        made.add_row(name, *cells(found))
    return made


def cells(found: Mapping[str, Any]) -> list[str]:
    """The cells of one peer after its name; a peer without a run says so in the last one."""
    if not found["runs"]:
        return [""] * (len(_COLUMNS) - 1) + ["failed"]
    rate = found["events_per_s"]
    cpu = f"{found['cpu_us_per_event']['median']:.2f}"
    if "monitor_cpu_us_per_event" in found:
        cpu += f" + {found['monitor_cpu_us_per_event']['median']:.2f}"
    return [
        f"{rate['min']:,.0f}",
        f"{rate['median']:,.0f}",
        f"{rate['max']:,.0f}",
        cpu,
        f"{found['rss_mb']['median']:,.0f}",
        *_check_cells(found["check"], found["failed"]),
    ]


def _check_cells(check: Mapping[str, Any], failed: int) -> list[str]:
    if not check:
        return ["", "", "", f"{failed} failed" if failed else ""]
    error = check["max_psi_error"]
    verdict = "complete" if check["complete"] else "incomplete"
    if check["psi_exact"] is not None:
        verdict += ", PSI exact" if check["psi_exact"] else ", PSI differs"
    return [
        f"{check['full_windows']} of {check['expected_windows']}",
        "?" if check["late"] is None else f"{check['late']:,}",
        "" if error is None else f"{error:.1e}",
        verdict + (f", {failed} failed" if failed else ""),
    ]
