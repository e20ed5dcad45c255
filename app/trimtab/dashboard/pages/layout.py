"""The frame around every page, and the pieces that pages share.

A page is a list of parts. A part names what it shows (``topics``); when one of these changes, the browser asks for this
part alone, by ``?fragment=ID``, and puts it in place of the old one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from trimtab.dashboard import formats
from trimtab.dashboard.html import EMPTY, Child, Html, join, tag

__all__ = ["Page", "Part", "Viewer", "definitions", "empty", "frame", "hidden", "post", "state_mark", "table", "when"]

_NAV = (("/", "Fleet"), ("/incidents", "Incidents"), ("/silences", "Silences"), ("/dead-letters", "Dead letters"),
        ("/system", "System"))  # fmt: skip

# A sign beside each colour: colours alone are not enough.
_MARKS = {
    "critical": ("▲", "bad"), "alerting": ("▲", "warn"), "drifting": ("◆", "warn"), "worse": ("▼", "bad"),
    "quiet": ("○", "idle"), "ok": ("●", "good"), "firing": ("▲", "bad"), "resolved": ("●", "good"),
    "drift": ("◆", "bad"), "missing": ("✕", "bad"), "quality": ("◆", "warn"), "too_few": ("○", "idle"),
    "no_reference": ("○", "idle"), "none": ("○", "idle"), "active": ("●", "good"), "pending": ("○", "idle"),
    "expired": ("✕", "idle"), "late": ("▲", "bad"), "alive": ("●", "good"), "champion": ("★", "good"),
    "canary": ("◆", "warn"), "waiting": ("◆", "warn"), "superseded": ("○", "idle"), "rolled_back": ("✕", "idle"),
    "registered": ("○", "idle"), "warning": ("▲", "warn"), "info": ("●", "idle"),
}  # fmt: skip


@dataclass(frozen=True)
class Viewer:
    """Who looks: ``name`` is that of the token, and whether they may act. ``signed_in``: there is a way out."""

    name: str = "local"
    may_act: bool = True
    signed_in: bool = False


@dataclass(frozen=True)
class Part:
    """A piece of a page that is renewed by itself; without ``topics`` it stays as it is."""

    id: str
    body: Html
    topics: tuple[str, ...] = ()

    def html(self) -> Html:
        """The part with its name, so that it can be found again."""
        return tag("div", self.body, id=self.id, class_="part", data_topics=" ".join(self.topics) or None)


@dataclass(frozen=True)
class Page:
    """A page without its frame. ``path`` is its entry in the navigation, ``charts`` whether it needs the library."""

    title: str
    parts: Sequence[Part]
    path: str = "/"
    charts: bool = False
    crumbs: Sequence[tuple[str, str]] = field(default_factory=tuple)


def frame(page: Page, viewer: Viewer, seen: str | None = None) -> str:
    """The whole document; ``seen`` names the last change that it shows."""
    scripts = (
        ["/static/theme.js"],
        ["/static/app.js", *(["/static/plotly.min.js", "/static/charts.js"] if page.charts else [])],
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("title", f"{page.title} · Trimtab"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="/static/icon.svg", type="image/svg+xml"),
        tag("link", rel="stylesheet", href="/static/app.css"),
        [tag("script", src=src) for src in scripts[0]],
        [tag("script", src=src, defer=True) for src in scripts[1]],
    )
    crumbs = [tag("a", name, href=href) for href, name in page.crumbs]
    body = tag(
        "body",
        tag("a", "Skip to content", href="#main", class_="skip"),
        _header(page, viewer),
        tag(
            "main",
            tag("nav", crumbs, aria_label="Breadcrumb", class_="crumbs") if crumbs else None,
            [part.html() for part in page.parts],
            id="main",
            tabindex="-1",
            data_seen=seen,
        ),
        tag("div", id="live-status", class_="live", role="status", aria_live="polite"),
    )
    return f"<!doctype html>{tag('html', head, body, lang='en')}"


def _header(page: Page, viewer: Viewer) -> Html:
    links = [tag("a", name, href=href, aria_current="page" if href == page.path else None) for href, name in _NAV]
    who = tag("span", viewer.name, " ", tag("small", "may act" if viewer.may_act else "may look"), class_="who")
    out = (
        tag("form", tag("button", "Sign out", class_="plain"), method="post", action="/logout")
        if viewer.signed_in
        else None
    )
    return tag(
        "header",
        tag("a", tag("span", "◣", aria_hidden="true"), " Trimtab", href="/", class_="brand"),
        tag("nav", links, aria_label="Main"),
        tag("div", who, out, tag("button", "◐", id="theme", class_="plain", type="button", title="Light or dark",
                                 aria_label="Switch between light and dark"), class_="tools"),
    )  # fmt: skip


def state_mark(state: str, label: str | None = None) -> Html:
    """A state as sign, colour and word.

    Examples
    --------
    >>> state_mark("ok")
    '<span class="state good"><span aria-hidden="true">●</span> ok</span>'
    """
    sign, kind = _MARKS.get(state, ("○", "idle"))
    return tag(
        "span", tag("span", sign, aria_hidden="true"), " ", label or state.replace("_", " "), class_=f"state {kind}"
    )


def when(time_ms: int | None, now_ms: int | None = None) -> Html:
    """A moment, with how long ago it was where that says more."""
    if time_ms is None:
        return EMPTY
    ago = f"{formats.age(now_ms - time_ms)} ago" if now_ms is not None and now_ms >= time_ms else None
    return tag("time", formats.time(time_ms), title=ago or f"{time_ms} ms")


def table(
    columns: Sequence[str | tuple[str, str]],
    rows: Iterable[Sequence[Child] | Html],
    *,
    caption: str,
    nothing: str = "Nothing here.",
    shown: bool = False,
) -> Html:
    """A table that scrolls by itself on a narrow screen; a column given with a class has that class in every row."""
    classes = [column[1] if isinstance(column, tuple) else None for column in columns]
    names = [column[0] if isinstance(column, tuple) else column for column in columns]
    body = [
        row
        if isinstance(row, Html)
        else tag("tr", [tag("td", cell, class_=kind) for cell, kind in zip(row, classes, strict=True)])
        for row in rows
    ]
    if not body:
        return empty(nothing)
    head = tag("tr", [tag("th", name, scope="col", class_=kind) for name, kind in zip(names, classes, strict=True)])
    return tag(
        "div",
        tag(
            "table", tag("caption", caption, class_=None if shown else "hidden"), tag("thead", head), tag("tbody", body)
        ),
        # Few columns over the whole width would be hard to follow.
        class_="wide fit" if len(columns) <= 3 else "wide",
        tabindex="0",
        role="region",
        aria_label=caption,
    )


def empty(said: str) -> Html:
    """What stands where there is nothing."""
    return tag("p", said, class_="quiet")


def definitions(pairs: Iterable[tuple[str, Child]]) -> Html:
    """Names and values."""
    return tag(
        "dl", [tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs if value not in (None, "")]
    )


def hidden(values: Mapping[str, object]) -> Html:
    """Fields of a form that nobody fills in."""
    return join(
        tag("input", type="hidden", name=name, value=value) for name, value in values.items() if value is not None
    )


def post(action: str, label: str, *fields: Child, kind: str = "", confirm: str | None = None) -> Html:
    """A form that changes something."""
    return tag(
        "form", *fields, tag("button", label, class_=kind or None), method="post", action=action, data_confirm=confirm
    )
