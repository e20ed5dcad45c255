"""The figures of a load, as JSON and as a page with plots that needs nothing else."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from loadtest.peers.machine import machine
from loadtest.run.measured import Outcome, quantiles
from loadtest.run.options import Options
from loadtest.run.session import Sample, Sent

__all__ = ["figures", "page"]

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")


def figures(options: Options, sent: Sent, found: Outcome, samples: Sequence[Sample]) -> dict[str, Any]:
    """Everything that was measured."""
    first, last = _steady(samples)
    seconds = last.seconds - first.seconds
    records = max(1, last.committed - first.committed)
    per_record = (sent.predictions + sent.labels) / max(1, sent.records + sent.labels)
    events = records * per_record
    busy = max(samples, key=lambda sample: sample.lag)
    return {
        "options": msgspec.to_builtins(msgspec.structs.replace(options, json=None, html=None)),
        "machine": machine(),
        "sent": sent._asdict(),
        "counted": found.counted,
        "late": found.late,
        "examples": found.examples,
        "dead_letters": found.dead_letters,
        "events_per_s": round(events / seconds) if seconds > 0 else None,
        "cpu_us_per_event": {
            name: round(1e6 * (last.cpu_s[name] - first.cpu_s[name]) / events, 3) for name in last.cpu_s
        },
        "rss_mb": {name: round(max(sample.rss_mb[name] for sample in samples)) for name in last.rss_mb},
        "most_lag": busy.lag,
        "latency_s": {
            "metric": quantiles(found.metric),
            "metric_closed_by_idle_timeout": quantiles(found.metric_at_end),
            "alert": quantiles(found.alert),
            "alert_closed_by_idle_timeout": quantiles(found.alert_at_end),
            "promotion": quantiles(found.promotion),
        },
    }


def _steady(samples: Sequence[Sample]) -> tuple[Sample, Sample]:
    """The first sample with something committed, and the first at which everything was."""
    working = [sample for sample in samples if sample.committed] or list(samples)
    done = next(sample for sample in samples if sample.committed == samples[-1].committed)
    return working[0], done


def page(result: Mapping[str, Any], found: Outcome, samples: Sequence[Sample]) -> str:
    """The report."""
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>" for name, value in _rows(result)
    )
    image = base64.b64encode(_plots(found, samples)).decode()
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Trimtab under load</title>"
        "<style>body{font:15px system-ui;margin:2em auto;max-width:70em;padding:0 1em;color:#222}"
        "table{border-collapse:collapse}th{text-align:left;padding:.2em 2em .2em 0;font-weight:600}"
        "td{font-variant-numeric:tabular-nums}img{width:100%}</style>"
        f"<h1>Trimtab under load</h1><table>{rows}</table>"
        '<img alt="Latency by quantile; throughput, lag, CPU and memory over time" '
        f'src="data:image/png;base64,{image}">'
        "</html>\n"
    )


def _rows(result: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in result.items():
        if isinstance(value, Mapping) and any(isinstance(inner, Mapping) for inner in value.values()):
            found += _rows(value, f"{prefix}{name} ")
        elif isinstance(value, Mapping):
            found.append((prefix + name, ", ".join(f"{k} {_plain(v)}" for k, v in value.items())))
        else:
            found.append((prefix + name, _plain(value)))
    return [(name.replace("_", " "), value) for name, value in found]


def _plain(value: Any) -> str:
    return "none" if value is None else f"{value:,}" if isinstance(value, (int, float)) else str(value)


def _plots(found: Outcome, samples: Sequence[Sample]) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 9), layout="constrained")
    (latency, rate), (lag, cost) = figure.subplots(2, 2)
    for colour, name in zip(_COLOURS, ("metric", "alert", "promotion"), strict=False):
        seconds = sorted(getattr(found, name).seconds)
        if seconds:
            shares = [100 * (k + 1) / len(seconds) for k in range(len(seconds))]
            latency.step(shares, seconds, where="pre", color=colour, label=f"produced to {name}")
    latency.set(title="Latency", xlabel="share of windows, %", ylabel="seconds", yscale="log")
    if latency.lines:
        latency.legend()
    times = [sample.seconds for sample in samples]
    steps = list(pairwise(samples))
    rates = [(b.committed - a.committed) / (b.seconds - a.seconds) / 1_000 for a, b in steps]
    rate.step(times[1:], rates, where="post", color=_COLOURS[0])
    rate.set(title="Committed", xlabel="seconds", ylabel="thousand records a second", ylim=(0, None))
    lag.plot(times, [sample.lag / 1_000 for sample in samples], color=_COLOURS[1])
    lag.set(title="Lag", xlabel="seconds", ylabel="thousand records", ylim=(0, None))
    memory = cost.twinx()
    for colour, name in zip(_COLOURS, samples[-1].cpu_s, strict=False):
        cores = [(b.cpu_s[name] - a.cpu_s[name]) / (b.seconds - a.seconds) for a, b in steps]
        cost.step(times[1:], cores, where="post", color=colour, label=name)
        memory.plot(times, [sample.rss_mb[name] for sample in samples], color=colour, linestyle="--")
    cost.set(title="CPU (solid) and memory (dashed)", xlabel="seconds", ylabel="cores", ylim=(0, None))
    memory.set(ylabel="RSS, MB", ylim=(0, None))
    cost.legend()
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110)
    return out.getvalue()
