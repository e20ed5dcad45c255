"""The dashboard's page: plain HTML, everything escaped, no script and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any

__all__ = ["render"]


def render(state: Mapping[str, Any]) -> str:
    """The page of one :meth:`Board.state`."""
    dead = state["dead_letters"]
    reasons = ", ".join(f"{escape(reason)} {count:,}" for reason, count in sorted(dead.items()))
    letters = f"{sum(dead.values()):,}" + (f" ({reasons})" if reasons else "")
    models = "".join(_model(name, model) for name, model in state["models"].items())
    return (
        f"{_HEAD}<h1>Trimtab</h1><p class=quiet>{_when(state['now_ms'])} UTC; renewed every 5 seconds. "
        f"Dead letters: <b>{letters}</b></p>{models}</body></html>"
    )


def _model(name: str, model: Mapping[str, Any]) -> str:
    champion, online = model["champion"], model["online"]
    served = "no version yet" if champion is None else f"{name}@{champion['version']}"
    if champion is not None and online is not None and online["version"] == champion["version"]:
        served += f"+{online['learnt_offset']}"
    alerts = "".join(
        f"<li><b>{escape(a['kind'])} {escape(a['feature'] or '')}</b> since {_when(a['started_ms'])}: "
        f"{escape(a['summary'])}</li>"
        for a in model["alerts"]
    )
    numbers = (
        (escape(n), f"{m['value']:,.4g}", f"{m['count']:,}", _when(m["end_ms"]), escape(m["status"]))
        for n, m in sorted(model["performance"].items())
    )
    versions = (
        (
            str(v["version"]),
            escape(str(v["candidate"])),
            escape(str(v["trigger"])),
            f"{v['examples']:,}",
            _when(v["created_ms"]),
        )
        for v in model["versions"]
    )
    return (
        f"<section><h2>{escape(name)} <small>{escape(model['mode'])}</small></h2>"
        f"<p>serves <code>{escape(served)}</code></p>"
        + (f"<ul class=firing>{alerts}</ul>" if alerts else "<p class=quiet>no alert is firing</p>")
        + _table("Last window", ("metric", "value", "events", "window's end", "status"), numbers)
        + _table("Versions", ("version", "candidate", "trigger", "examples", "made"), versions)
        + "</section>"
    )


def _table(title: str, names: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are escaped already."""
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    if not body:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    return f"<h3>{title}</h3><div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _when(time_ms: int | None) -> str:
    if time_ms is None:
        return ""
    return datetime.fromtimestamp(time_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


_HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Trimtab</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta http-equiv="refresh" content="5">
<style>
:root { color-scheme: light dark; --line: #8885; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --bad: #ffb4ab; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 0 auto; padding: 1rem; }
section { border: 1px solid var(--line); border-radius: .6rem; padding: .2rem 1rem 1rem; margin: 1rem 0; }
h1 { margin: 0; } h2 { margin: .6rem 0 0; overflow-wrap: anywhere; } h3 { margin: 1rem 0 .2rem; font-size: 1rem; }
small { font-weight: 400; font-size: .9rem; opacity: .75; } .quiet { opacity: .75; } p { margin: .3rem 0; }
.firing { color: var(--bad); padding-left: 1.2rem; } code { font-size: 1.05rem; overflow-wrap: anywhere; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .9rem; }
td, th { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
td { font-variant-numeric: tabular-nums; }
</style></head><body>"""
