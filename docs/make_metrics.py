"""Writes the generated parts of docs/metrics.md: ``python docs/make_metrics.py``; ``--check`` only compares.

Statistics of features come from trimtab.drift and trimtab.quality, families from trimtab.dashboard.exporter.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from trimtab import drift
from trimtab.dashboard.exporter import FAMILIES
from trimtab.quality import CHECKS

PAGE = Path(__file__).with_name("metrics.md")

# Statistic of a model, or of a segment, as a whole: unit, what it says.
NUMBERS: dict[str, tuple[str, str]] = {
    "events": ("events", "Predictions in the window."),
    "labelled": ("events", "Of them those whose label came, in the window of the prediction."),
    "late_events": ("events", "Predictions that came after their window had closed."),
    "late_labelled": ("events", "Likewise, labels."),
    "accuracy": ("0 to 1", "Right predictions, of labelled ones."),
    "f1": ("0 to 1", "F1 of class 1; of several classes the plain mean."),
    "log_loss": ("nats", "Mean log loss of the scores; binary models."),
    "mae": ("unit of the label", "Mean absolute error."),
    "rmse": ("unit of the label", "Root of the mean squared error."),
    "estimated_accuracy": (
        "0 to 1",
        "What the scores of the window say before its labels come, less what they were wrong by on the reference; "
        "binary models. Where it parts from `accuracy`, what the label means has changed.",
    ),
    "false_alarm_level": ("probability", "Level at which the window's features were tested."),
    "false_alarms_spent": ("alarms", "False alarms expected since the budget's period began."),
    "volume": ("ratio", "Events of the window by what was expected, with a p-value; with `quality.volume`."),
    "refused": ("0 to 1", "Events that went to dead letters, of all that arrived; by time of arrival."),
    "duplicates": ("0 to 1", "Events that came twice, likewise."),
    "followers": ("services", "Services that serve the version; wall time."),
}

# Of the trainer, each second while something runs; start_ms and end_ms are both now.
LIVE: dict[str, tuple[str, str, str]] = {
    "replayed_share": ("", "0 to 1", "How much of the log the candidates have replayed before their race."),
    "race_loss": ("empty for the champion, or `candidate=KIND`", "0 to 1", "Mean loss over the race's examples."),
    "race_evidence": ("`candidate=KIND`", "wealth", "Of the test that the candidate is better; it wins at 1/alpha."),
    "loss_difference": ("`canary=V`", "-1 to 1", "Mean loss of the canary less the champion's."),
    "harm_evidence": ("`canary=V`", "wealth", "Of the test that the canary is worse."),
    "loss": ("`shadow=NAME`", "0 to 1", "Mean loss of a shadow."),
    "champion_loss": ("`shadow=NAME`", "0 to 1", "The champion's, over the same examples."),
}

# Of a feature, beside the registered statistics and checks.
FURTHER: dict[str, str] = {
    "auc_above_half": "Of feature `__domain__`: by how much a classifier tells window and reference apart, 0 to 0.5.",
    "combined_p": "The p-value of all statistics of a feature together, where there are several.",
    "histogram": "Number of values; the record's `histogram` has both spreads.",
    "values": "Usable values of a feature of which nothing was said.",
}


def _numbers() -> str:
    rows = [f"| `{name}` | {unit} | {says} |" for name, (unit, says) in NUMBERS.items()]
    return "\n".join(["| statistic | unit | says |", "|---|---|---|", *rows])


def _live() -> str:
    rows = [f"| `{name}` | {segment} | {unit} | {says} |" for name, (segment, unit, says) in LIVE.items()]
    return "\n".join(["| statistic | segment | unit | says |", "|---|---|---|---|", *rows])


def _features() -> str:
    found: dict[str, tuple[set[str], str]] = {}
    for one in sorted(drift.statistics(), key=lambda one: one.kind, reverse=True):
        found.setdefault(one.name, (set(), _first(one.function.__doc__)))[0].add(one.kind)
    rows = [f"| `{name}` | {', '.join(sorted(kinds))} | {says} |" for name, (kinds, says) in sorted(found.items())]
    rows += [f"| `{name}` | quality | {_first(check.__doc__)} |" for name, (check, _) in CHECKS.items()]
    rows += [f"| `{name}` | | {says} |" for name, says in FURTHER.items()]
    return "\n".join(["| statistic | of | says |", "|---|---|---|", *rows])


def _first(doc: str | None) -> str:
    """The first sentence of a docstring, in Markdown."""
    lines = re.split(r"\n\s*\n", (doc or "").strip(), maxsplit=1)[0]
    return re.sub(r":func:`(\w+)`", r"`\1`", " ".join(lines.split())).replace("``", "`").replace("|", "\\|")


def _families() -> str:
    rows = [
        f"| `{family.name}` | {family.kind} | {', '.join(f'`{label}`' for label in family.labels)} | {family.help} |"
        for family in FAMILIES.values()
    ]
    return "\n".join(["| family | type | labels | says |", "|---|---|---|---|", *rows])


def render(page: str) -> str:
    """The page with its generated parts made anew."""
    for name, text in _parts():
        pattern = re.compile(rf"(<!-- begin generated: {name} -->\n).*?(\n<!-- end generated: {name} -->)", re.DOTALL)
        if not pattern.search(page):
            raise SystemExit(f"{PAGE.name} has no part {name!r}")
        page = pattern.sub(lambda match, text=text: f"{match[1]}{text}{match[2]}", page)  # type: ignore[misc]
    return page


def _parts() -> Iterable[tuple[str, str]]:
    return (("numbers", _numbers()), ("live", _live()), ("features", _features()), ("families", _families()))


def main(arguments: list[str]) -> int:
    """Write the page, or say whether it is what it should be."""
    page = PAGE.read_text(encoding="utf-8")
    fresh = render(page)
    if arguments == ["--check"]:
        if fresh != page:
            print(f"{PAGE.name} is not what the code says; run: python docs/make_metrics.py", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
