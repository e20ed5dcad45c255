"""Pages without data: the way in, and what went wrong."""

from __future__ import annotations

from trimtab.dashboard.html import tag
from trimtab.dashboard.pages.layout import Page, Part, hidden

__all__ = ["problem", "sign_in"]


def sign_in(following: str, *, failed: bool) -> Page:
    """Asks for a token."""
    body = tag(
        "section",
        tag("h1", "Sign in"),
        tag("p", "That is no token of this dashboard.", class_="notice", role="alert") if failed else None,
        tag(
            "form",
            hidden({"next": following}),
            tag("label", "Token ", tag("input", type="password", name="token", required=True, autofocus=True,
                                       autocomplete="current-password")),
            tag("button", "Sign in", class_="main"),
            method="post",
            action="/login",
            class_="row",
        ),
        tag("p", "An operator makes one with: trimtab dashboard token NAME", class_="quiet"),
    )  # fmt: skip
    return Page("Sign in", [Part("sign-in", body)], path="")


def problem(status: int, said: str) -> Page:
    """What went wrong."""
    titles = {401: "Not signed in", 403: "Not allowed", 404: "Not found", 502: "Not done"}
    title = titles.get(status, "It did not work")
    body = tag("section", tag("h1", title), tag("p", said), tag("p", tag("a", "To the fleet", href="/")))
    return Page(title, [Part("problem", body)], path="")
