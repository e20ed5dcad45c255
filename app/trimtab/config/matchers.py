"""Matchers of labels, as Alertmanager writes them: ``kind="drift"``, ``model!=demo``, ``team=~"risk|fraud"``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, PlainSerializer

__all__ = ["LABEL", "Matcher", "Matchers", "matches"]

LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TEXT = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^"\s]*)\s*', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NAMES: Final = {"=": "equal", "!=": "not_equal", "=~": "regex", "!~": "not_regex"}
_SIGNS: Final = {name: sign for sign, name in _NAMES.items()}
_LONGEST = 1_000


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label; a label that is absent is empty.

    Parameters
    ----------
    operator
        equal, not_equal, regex or not_regex; a regular expression matches the whole value.

    Raises
    ------
    ValueError
        For a name, operator or expression that is none.

    Examples
    --------
    >>> Matcher.parse('kind=~"drift|quality"').matches({"kind": "drift", "model": "credit"})
    True
    """

    name: str
    operator: str
    value: str

    def __post_init__(self) -> None:
        if LABEL.fullmatch(self.name) is None:
            raise ValueError(f"{self.name!r} is no name of a label; letters, digits and _, such as model")
        if self.operator not in _SIGNS:
            raise ValueError(f"{self.operator!r} is no operator; there are {', '.join(_SIGNS)}")
        if len(self.value) > _LONGEST:
            raise ValueError(f"{self.name}: the value has more than {_LONGEST} characters")
        if self.operator.endswith("regex"):
            try:
                re.compile(self.value)
            except re.error as error:
                raise ValueError(f"{self.value!r} is no regular expression: {error}") from None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what :meth:`__str__` writes; the quotes may be left out."""
        found = _TEXT.fullmatch(text)
        if found is None:
            raise ValueError(
                f'not a matcher: {text!r}; write name, one of = != =~ !~ and a value, such as kind="drift"'
            )
        name, sign, value = found.groups()
        if value.startswith('"'):
            value = _ESCAPED.sub(r"\1", value[1:-1])
        return cls(name, _NAMES[sign], value)

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read the schema's ``Matcher``."""
        return cls(str(wire["name"]), str(wire["operator"]), str(wire["value"]))

    def to_wire(self) -> dict[str, str]:
        """The schema's ``Matcher``."""
        return {"name": self.name, "operator": self.operator, "value": self.value}

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels meet it."""
        value = labels.get(self.name, "")
        if self.operator.endswith("equal"):
            return (value == self.value) is (self.operator == "equal")
        return (re.fullmatch(self.value, value) is not None) is (self.operator == "regex")

    def __str__(self) -> str:
        value = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.name}{_SIGNS[self.operator]}"{value}"'


def matches(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether all of them are met."""
    return all(matcher.matches(labels) for matcher in matchers)


def _texts(value: Iterable[Matcher]) -> list[str]:
    return [str(one) for one in value]


def _parsed(value: object) -> object:
    if isinstance(value, str):
        value = [value]
    if isinstance(value, (list, tuple)):
        return tuple(one if isinstance(one, Matcher) else Matcher.parse(str(one)) for one in value)
    return value


Matchers = Annotated[tuple[Matcher, ...], BeforeValidator(_parsed), PlainSerializer(_texts), Field(strict=False)]
"""Conditions that must all be met; in the file a list of texts, or one text."""
