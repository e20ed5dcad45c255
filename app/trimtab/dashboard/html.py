"""HTML from plain data: everything is escaped unless it was made here."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

__all__ = ["EMPTY", "Html", "join", "tag", "text"]

_VOID: Final = frozenset({"br", "hr", "img", "input", "link", "meta"})

Child = object
"""Markup, text (which is escaped), a number, None for nothing, or several of them."""


class Html(str):
    """Markup: text that needs no escaping any more."""

    __slots__ = ()


EMPTY: Final = Html("")


def text(value: object) -> Html:
    """A value as markup.

    Examples
    --------
    >>> text("<script>"), text(None), text([Html("<b>"), 1])
    ('&lt;script&gt;', '', '<b>1')
    """
    if value is None:
        return EMPTY
    if isinstance(value, Html):
        return value
    if isinstance(value, (list, tuple)):
        return join(value)
    return Html(escape(str(value)))


def join(children: Iterable[Child]) -> Html:
    """Several one after the other."""
    return Html("".join(text(child) for child in children))


def tag(name: str, /, *children: Child, **attributes: object) -> Html:
    """An element. Of an attribute's name, a trailing underscore is cut and others become hyphens; False and None leave
    it out, True gives it no value.

    Examples
    --------
    >>> tag("a", "x < y", href="/?a=1&b=2", class_="big", data_x=None, hidden=True)
    '<a href="/?a=1&amp;b=2" class="big" hidden>x &lt; y</a>'
    >>> tag("br")
    '<br>'
    """
    pairs = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        spelled = key.rstrip("_").replace("_", "-")
        pairs.append(f" {spelled}" if value is True else f' {spelled}="{escape(str(value))}"')
    opening = f"<{name}{''.join(pairs)}>"
    return Html(opening if name in _VOID else f"{opening}{join(children)}</{name}>")
