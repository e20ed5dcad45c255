"""Everything that can be done, in one table: by a form of a page, or by the API with the same fields as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from trimtab import clock
from trimtab.config import parse_ms
from trimtab.dashboard import formats
from trimtab.dashboard.views.world import World
from trimtab.dashboard.web.actions import ORDERS, Actions
from trimtab.dashboard.web.asked import Asked, Missing
from trimtab.errors import ConfigError

__all__ = ["DONE", "Body", "Done"]

_MOST_TEXT: Final = 1_000


@dataclass(frozen=True)
class Body:
    """Fields of a form or of a JSON object; a field may be given several times."""

    fields: Mapping[str, tuple[str, ...]]

    def text(self, name: str) -> str:
        """A text, empty when it is not there; raises ConfigError when it is too long."""
        value = (self.fields.get(name) or ("",))[0].strip()
        if len(value) > _MOST_TEXT:
            raise ConfigError(f"{name}: at most {_MOST_TEXT:,} characters")
        return value

    def version(self) -> int | None:
        """A version, None when none is named."""
        value = self.text("version").rpartition("@")[2]
        if not value:
            return None
        if not (value.isascii() and value.isdigit()):
            raise ConfigError("version: a number is expected")
        return int(value)

    def texts(self, name: str) -> list[str]:
        """All values that are not empty."""
        return [value.strip() for value in self.fields.get(name, ()) if value.strip()]


@dataclass(frozen=True)
class Done:
    """One thing to do.

    Parameters
    ----------
    path
        Where its form is sent to; behind ``/api`` for scripts.
    fields
        Names of the body and what they mean; ``required`` must be there.
    act
        Does it (it may block) and returns the record that was written.
    back
        The page to go to then.
    """

    path: str
    summary: str
    fields: Mapping[str, str]
    act: Callable[[Actions, World, Asked, Body, str], dict[str, Any]]
    back: Callable[[Asked], str]
    required: tuple[str, ...] = ()


def _acknowledge(actions: Actions, world: World, asked: Asked, body: Body, actor: str) -> dict[str, Any]:
    found = world.queries.incident(asked.path["incident"])
    if found is None:
        raise Missing("no such incident is kept here")
    until_ms = None
    if body.text("for"):
        try:
            until_ms = clock.now_ms() + parse_ms(body.text("for"))
        except ValueError as error:
            raise ConfigError(f"for: {error}") from None
    return actions.acknowledge(found, actor, body.text("comment"), until_ms)


def _silence(actions: Actions, world: World, asked: Asked, body: Body, actor: str) -> dict[str, Any]:
    return actions.silence(body.texts("matcher"), body.text("for") or "4h", actor, body.text("comment"))


def _end_silence(actions: Actions, world: World, asked: Asked, body: Body, actor: str) -> dict[str, Any]:
    found = world.queries.one_keyed("silence", asked.path["silence"])
    if found is None:
        raise Missing("there is no such silence")
    return actions.end_silence(found, actor)


def _reinject(actions: Actions, world: World, asked: Asked, body: Body, actor: str) -> dict[str, Any]:
    found = world.queries.letter(*asked.place())
    if found is None:
        raise Missing("no such dead letter is kept here")
    return actions.reinject(found, actor)


def _order(command: str) -> Callable[[Actions, World, Asked, Body, str], dict[str, Any]]:
    def act(actions: Actions, world: World, asked: Asked, body: Body, actor: str) -> dict[str, Any]:
        version = None if command == "retrain" else body.version()
        return actions.order(command, asked.model(world), version, actor, body.text("reason"))

    return act


_SUMMARIES = {
    "retrain": "Start a race of candidates against the champion",
    "approve": "Let the winner that waits go on",
    "rollback": "Restore an earlier version",
}

DONE: Final[tuple[Done, ...]] = (
    Done("/incidents/{incident}/ack", "Look after an incident",
         {"comment": "For others.", "for": "How long, such as 4h; until it is resolved when absent."},
         _acknowledge, lambda asked: formats.link("incidents", asked.path["incident"])),
    Done("/silences", "Hold back notices about alerts that match",
         {"matcher": "NAME=VALUE, NAME!=VALUE, NAME=~PATTERN or NAME!~PATTERN; several must all match.",
          "for": "How long, such as 4h.", "comment": "Why."},
         _silence, lambda _: "/silences", ("matcher",)),
    Done("/silences/{silence}/end", "End a silence", {}, _end_silence, lambda _: "/silences"),
    *(
        Done(f"/models/{{model}}/{command}", _SUMMARIES[command],
             {"reason": "For the audit log.", **({} if command == "retrain" else {"version": "Which version."})},
             _order(command), lambda asked: formats.link("models", asked.path["model"]))
        for command in ORDERS
    ),
    Done("/dead-letters/{partition}/{offset}/reinject", "Put a dead letter's record back to its source", {},
         _reinject, lambda asked: formats.link("dead-letters", asked.path["partition"], asked.path["offset"])),
)  # fmt: skip
