"""The system page."""

from __future__ import annotations

from trimtab.dashboard import formats
from trimtab.dashboard.html import Html, tag
from trimtab.dashboard.pages.layout import Page, Part, state_mark, table
from trimtab.dashboard.views.system import SystemView

__all__ = ["page"]


def page(view: SystemView) -> Page:
    """The page."""
    parts = [
        Part("processes", _processes(view), ("health",)),
        Part("lags", _lags(view), ("health",)),
        Part("followers", _followers(view), ("followers",)),
        Part("topics", _topics(view)),
    ]
    return Page("System", parts, path="/system")


def _processes(view: SystemView) -> Html:
    rows = [
        (
            state_mark("late" if row["late"] else "alive"),
            f"{row['role']} {row['instance']}",
            f"{row['host']} {row['pid']}",
            row["release"],
            f"{formats.age(view['now_ms'] - row['started_ms'])}",
            f"{formats.age(view['now_ms'] - row['time_ms'])} ago",
            tag(
                "span",
                ", ".join(f"{name} {formats.number(v)}" for name, v in sorted(row["gauges"].items())),
                class_="text",
            ),
            tag(
                "span",
                ", ".join(f"{name} {formats.number(v)}" for name, v in sorted(row["counters"].items())),
                class_="text",
            ),
        )
        for row in view["processes"]
    ]
    more = tag("span", tag("a", "JSON", href="?format=json"), " ", tag("a", "CSV", href="?format=csv"), class_="more")
    nothing = "No process has told of itself in this log yet."
    columns = ("State", "Process", "Where", "Release", ("Up for", "num"), ("Heard", "num"), "Now", "Since its start")
    shown = table(columns, rows, caption="Processes", nothing=nothing)
    return tag("section", tag("div", tag("h1", "System"), more, class_="title"), shown)


def _lags(view: SystemView) -> Html:
    behind = view["lags"]
    if behind is None:
        return tag("section", tag("h2", "Not read yet"), tag("p", "Kafka did not answer in time.", class_="notice"))
    rows = [(row["role"], formats.whole(row["records"])) for row in behind]
    said = f"The dashboard itself has read {view['read_share'] * 100:.0f} % of what stood in the log when it began."
    return tag("section", tag("h2", "Not read yet"), table(("Role", ("Records", "num")), rows, caption="Lags"),
               tag("p", said, class_="quiet"))  # fmt: skip


def _followers(view: SystemView) -> Html:
    rows = [
        (
            state_mark("late" if row["late"] else "alive"),
            tag("a", row["model"], href=formats.link("models", row["model"])),
            row["instance"],
            row["version"] or "none",
            row["champion"],
            f"{row['behind_s']:.1f} s",
            formats.whole(row["reloads"]),
            formats.whole(row["refused"]),
            tag("span", row["last_refusal"], class_="text"),
        )
        for row in view["followers"]
    ]
    columns = ("State", "Model", "Service", ("Serves", "num"), ("Champion", "num"), ("Behind", "num"),
               ("Loaded", "num"), ("Refused", "num"), "Last refusal")  # fmt: skip
    nothing = "No service follows a model."
    return tag("section", tag("h2", "Services"), table(columns, rows, caption="Services", nothing=nothing))


def _topics(view: SystemView) -> Html:
    rows = [(row["topic"], row["partitions"], formats.whole(row["read"])) for row in view["topics"]]
    columns = ("Topic", ("Partitions", "num"), ("Offset, summed", "num"))
    return tag("section", tag("h2", "Read by the dashboard"), table(columns, rows, caption="Topics"))
