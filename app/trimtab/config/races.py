"""What starts a race, who runs in it, and how one wins."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, Self

from croniter import croniter
from pydantic import BeforeValidator, Field, field_validator, model_validator

from trimtab.config.base import NAME, Positive, Strict
from trimtab.config.duration import Milliseconds

__all__ = [
    "CanarySpec",
    "CandidateSpec",
    "FactorySpec",
    "ProbationSpec",
    "RaceSpec",
    "ShadowSpec",
    "Triggers",
]

_SHORT: Final[dict[str, dict[str, Any]]] = {
    "continue": {"name": "continue", "from": "champion"},
    "reset": {"name": "reset"},
    "change_point": {"name": "change_point", "from": "change_point"},
}


class FactorySpec(Strict):
    """How a new model is made: a class with arguments, a pipeline of them, or your own function.

    ``class`` names ``package.module:Name``; an argument may itself be such a mapping.
    """

    cls: str | None = Field(default=None, alias="class")
    args: dict[str, Any] = Field(default={})
    pipeline: tuple[FactorySpec, ...] = Field(default=(), strict=False)
    function: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum((self.cls is not None, bool(self.pipeline), self.function is not None)) != 1:
            raise ValueError("give exactly one of class, pipeline and function")
        for name in (self.cls, self.function):
            if name is not None and not re.fullmatch(r"[\w.]+:[\w.]+", name):
                raise ValueError(f"{name!r} must look like package.module:Name")
        return self


class Triggers(Strict):
    """What starts a race, and what holds it back; times are event time.

    ``every_examples`` labelled ones after the last race, ``schedule`` after the last change of champion, ``cron`` (five
    fields, UTC), and ``reference_age`` after the champion was appointed. Held back by ``cooldown`` after a change of
    champion, by ``min_examples`` that must have been labelled since, and by ``max_per_day`` races in 24 hours.
    """

    drift: bool = True
    performance: bool = True
    every_examples: Positive | None = None
    schedule: Milliseconds | None = Field(default=None, gt=0)
    cron: str | None = None
    reference_age: Milliseconds | None = Field(default=None, gt=0)
    cooldown: Milliseconds = Field(default=0, ge=0)
    min_examples: int = Field(default=0, ge=0)
    max_per_day: Positive | None = None

    @field_validator("cron")
    @classmethod
    def _cron(cls, value: str | None) -> str | None:
        if value is not None and not (len(value.split()) == 5 and croniter.is_valid(value)):
            raise ValueError(f'not a cron schedule: {value!r}; write five fields, such as "0 3 * * *"')
        return value


class CandidateSpec(Strict):
    """One candidate of a race: what it starts from, what it learns, and how it is made.

    ``from``: ``champion`` goes on from the champion's state; a number learns so many examples back (by default
    ``race.reset_examples``); ``change_point`` those since the served loss last changed; ``beginning`` all that there
    are. ``factory`` makes another family than the model's. With ``half_life`` an example that is so many examples old
    is learnt with probability one half, one twice as old with a quarter.
    """

    name: str
    from_: Literal["champion", "change_point", "beginning"] | Positive | None = Field(default=None, alias="from")
    factory: FactorySpec | None = None
    half_life: Positive | None = None

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        if not NAME.fullmatch(value) or value == "first":
            raise ValueError(f"{value!r}: letters, digits, '.', '_' and '-' only, at most 100, and not first")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.from_ == "champion" and (self.factory is not None or self.half_life is not None):
            raise ValueError("from: champion goes on with the champion's own model; leave out factory and half_life")
        return self


def _whole_candidate(value: Any) -> Any:
    """A candidate by its short name."""
    if not isinstance(value, str):
        return value
    if value not in _SHORT:
        raise ValueError(f"{value!r} is not one of {', '.join(_SHORT)}; or give a candidate's name, from and factory")
    return _SHORT[value]


class RaceSpec(Strict):
    """Candidates and the rule by which one may win.

    Each candidate is scored as it would be served, beside the champion, on the same fresh examples. The winner's
    mean paired loss difference is above zero at level ``alpha`` (shared by the candidates) by an anytime-valid
    test, on at least ``min_examples`` and at most ``max_examples``, by ``min_effect`` or more. ``reset`` learns
    from the last ``reset_examples`` examples.

    ``loss``: ``error`` counts wrong labels (of a regression the bounded error), ``brier`` is of the probabilities of a
    binary model, which tells more of each example. By it are also compared who is on probation, a canary and shadows;
    ``min_effect`` is in its unit. Protected segments are always of ``error``.

    A candidate that starts more than 2,000 examples back learns them in a process of its own. The race begins with the
    first record that is so much newer than the trigger that ``replay_per_second`` examples a second have been learnt
    meanwhile; a model that is slower than that holds up its partition there until it is ready.
    """

    candidates: tuple[Annotated[CandidateSpec, BeforeValidator(_whole_candidate)], ...] = Field(
        default=(CandidateSpec.model_validate(_SHORT["continue"]), CandidateSpec.model_validate(_SHORT["reset"])),
        strict=False,
    )
    min_examples: Positive = 200
    max_examples: Positive = 2_000
    alpha: float = Field(default=0.01, gt=0, lt=1)
    loss: Literal["error", "brier"] = "error"
    min_effect: float = Field(default=0.0, ge=0, lt=1)
    reset_examples: Positive = 2_000
    replay_per_second: Positive = 1_000

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = [candidate.name for candidate in self.candidates]
        if len(set(names)) < len(names):
            raise ValueError(f"candidates: two have one name: {', '.join(names)}; rename one")
        if self.min_examples > self.max_examples:
            raise ValueError(
                f"min_examples: {self.min_examples} is above max_examples, {self.max_examples}, so that nobody wins"
            )
        return self


class CanarySpec(Strict):
    """A winner is served for a growing share of keys before it becomes champion; without ``steps`` it is at once.

    At each of the ``steps`` (shares, growing) it is scored beside the champion on ``examples`` fresh examples. It is
    withdrawn as soon as its loss is shown to be larger at level ``alpha``, by the race's test.
    """

    steps: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(default=(), strict=False)
    examples: Positive = 500
    alpha: float = Field(default=0.01, gt=0, lt=1)

    @field_validator("steps")
    @classmethod
    def _growing(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if list(value) != sorted(set(value)):
            raise ValueError("each step must be larger than the one before, such as [0.01, 0.1, 0.5]")
        return value


class ProbationSpec(Strict):
    """The last ``keep`` champions, the new one among them, are scored on: the former in the shadow of the new one.

    When one of them does better by the same test at level ``alpha`` after ``min_examples``, it is restored, the newest
    of them if there are several.
    """

    enabled: bool = True
    keep: Positive = 2
    min_examples: Positive = 20
    alpha: float = Field(default=0.01, gt=0, lt=1)


class ShadowSpec(Strict):
    """A model that learns and is scored beside the champion for ever, and never serves."""

    name: str
    factory: FactorySpec

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        if not NAME.fullmatch(value):
            raise ValueError(f"{value!r}: letters, digits, '.', '_' and '-' only, at most 100")
        return value
