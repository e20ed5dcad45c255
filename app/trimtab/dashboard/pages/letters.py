"""The dead-letter browser."""

from __future__ import annotations

from trimtab.dashboard import formats
from trimtab.dashboard.html import Html, tag
from trimtab.dashboard.pages.layout import Page, Part, Viewer, definitions, post, table, when
from trimtab.dashboard.views.letters import LettersView, LetterView

__all__ = ["list_page", "page"]


def list_page(view: LettersView) -> Page:
    """The list."""
    return Page("Dead letters", [Part("letters", _list(view), ("dead-letters",))], path="/dead-letters")


def _list(view: LettersView) -> Html:
    counts = view["counts"]
    picks = [
        tag("a", f"{label} ", tag("b", f"{count:,}"), href=formats.link("dead-letters", query={"reason": value}),
            class_="pick", aria_current="true" if value == view["reason"] else None)
        for value, label, count in [(None, "all", sum(counts.values())), *((r, r, c) for r, c in counts.items())]
    ]  # fmt: skip
    rows = [
        (
            when(one["time_ms"], view["now_ms"]),
            tag("a", one["reason"], href=formats.link("dead-letters", one["partition"], one["offset"])),
            tag("span", one["detail"], class_="text"),
            f"{one['topic']}[{one['source_partition']}] {one['source_offset']}",
            formats.whole(one["size_bytes"]),
        )
        for one in view["letters"]
    ]
    more = [
        tag("a", kind.upper(), href=formats.link("dead-letters", query={"reason": view["reason"], "format": kind}))
        for kind in ("json", "csv")
    ]
    title = tag("div", tag("h1", "Dead letters"), tag("span", more[0], " ", more[1], class_="more"), class_="title")
    columns = ("When", "Reason", "Detail", "Source", ("Bytes", "num"))
    shown = table(columns, rows, caption="Dead letters, the newest first", nothing="No dead letter.")
    return tag("section", title, tag("nav", picks, aria_label="Reasons", class_="picks"), shown)


def page(view: LetterView, viewer: Viewer) -> Page:
    """One dead letter."""
    row = view["summary"]
    facts = definitions(
        (
            ("What to do", row["detail"]),
            ("Source", f"{row['topic']}[{row['source_partition']}] offset {row['source_offset']}"),
            ("Came", when(row["time_ms"], view["now_ms"])),
            ("Key", tag("code", view["key"])),
            ("Size", f"{row['size_bytes']:,} bytes"),
            ("SHA-256", tag("code", view["sha256"])),
        )
    )
    where = formats.link("dead-letters", row["partition"], row["offset"], "reinject")
    sure = f"Write it to {view['source']} again?"
    button = post(where, "Put it back", kind="main", confirm=sure) if view["source"] and viewer.may_act else None
    empty = not view["hexdump"]
    said = "Its bytes are not here: it was refused after it had waited. Put back, they are read from the source."
    body = tag(
        "section",
        tag("h1", row["reason"].replace("_", " ")),
        facts,
        button,
        tag("p", said, class_="quiet") if empty else None,
        [tag("h2", "Text"), tag("pre", view["text"], tabindex="0")] if view["text"] else None,
        None if empty else [tag("h2", "Bytes"), tag("pre", view["hexdump"], tabindex="0")],
    )
    return Page(f"Dead letter {row['partition']}/{row['offset']}", [Part("letter", body)], path="/dead-letters",
                crumbs=(("/dead-letters", "Dead letters"),))  # fmt: skip
