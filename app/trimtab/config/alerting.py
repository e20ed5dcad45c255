"""The section ``alerting``: who is told of which alerts, how, and how often.

The words mean what they mean in Prometheus' Alertmanager.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from trimtab.config.base import NAME, Positive, Secret, Strict
from trimtab.config.duration import Milliseconds
from trimtab.config.matchers import LABEL, Matcher, Matchers

__all__ = [
    "AlertingConfig",
    "AlertmanagerTarget",
    "EmailTarget",
    "InhibitRule",
    "PagerDutyTarget",
    "ReceiverSpec",
    "RouteSpec",
    "Severity",
    "SlackTarget",
    "Target",
    "WebhookTarget",
    "default_severity",
]

Severity = Literal["critical", "warning", "info"]
KINDS = ("drift", "missing", "performance", "quality", "absent", "sequential", "stale", "refused")


def _http(value: SecretStr) -> SecretStr:
    parts = urlsplit(value.get_secret_value())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not a URL; write it with http:// or https:// and a host")
    return value


def default_severity(kind: str) -> Severity:
    """Severity of a kind of alert that the configuration says nothing of."""
    return "critical" if kind in ("absent", "performance", "refused") else "warning"


class Target(Strict):
    """What every way of telling has: whether a resolve is told as well."""

    send_resolved: bool = True


class UrlTarget(Target):
    """One that is told by HTTP; the URL may hold a secret, so it is never shown."""

    url: Secret

    _check = field_validator("url")(_http)


class AlertmanagerTarget(UrlTarget):
    """Prometheus' Alertmanager, API version 2; ``url`` is its base, such as http://alertmanager:9093."""

    bearer_token: Secret | None = None


class SlackTarget(UrlTarget):
    """An incoming webhook of Slack, or of what understands the same, such as Mattermost."""


class PagerDutyTarget(UrlTarget):
    """PagerDuty Events API version 2; ``routing_key`` is the integration key of a service."""

    url: Secret = SecretStr("https://events.pagerduty.com")
    routing_key: Secret


class WebhookTarget(UrlTarget):
    """A URL of your own; with ``secret`` each request is signed (HMAC-SHA256, docs/alerts.md)."""

    secret: Secret | None = None


class EmailTarget(Target):
    """Mail by SMTP; ``security`` is how the connection is encrypted."""

    host: str
    port: int = Field(default=587, gt=0, lt=65_536)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: Secret | None = None
    sender: str = Field(alias="from")
    to: tuple[str, ...] = Field(min_length=1, strict=False)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("give user and password together, or neither")
        for address in (self.sender, *self.to):
            if "@" not in address or any(c in address for c in "\r\n"):
                raise ValueError(f"{address!r} is no address")
        return self


class ReceiverSpec(Strict):
    """Somebody who is told: each way that is given is used."""

    alertmanager: AlertmanagerTarget | None = None
    slack: SlackTarget | None = None
    pagerduty: PagerDutyTarget | None = None
    webhook: WebhookTarget | None = None
    email: EmailTarget | None = None

    @property
    def targets(self) -> dict[str, Target]:
        """The ways that are given, by protocol."""
        named = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: target for name, target in named.items() if target is not None}


class RouteSpec(Strict):
    """Which alerts go to which receiver, grouped how; what is not given is the parent's.

    An alert goes down the tree to the deepest route whose matchers it meets, the first of its siblings, and with
    ``continue`` to the next ones too.
    """

    receiver: str | None = None
    match: Matchers = ()
    group_by: tuple[str, ...] | None = Field(default=None, strict=False)
    group_wait: Milliseconds | None = Field(default=None, ge=0)
    group_interval: Milliseconds | None = Field(default=None, gt=0)
    repeat_interval: Milliseconds | None = Field(default=None, gt=0)
    continue_: bool = Field(default=False, alias="continue")
    routes: tuple[RouteSpec, ...] = Field(default=(), strict=False)

    @field_validator("group_by")
    @classmethod
    def _labels(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in value or ():
            if name != "..." and LABEL.fullmatch(name) is None:
                raise ValueError(f"{name!r} is no name of a label, nor '...' for all")
        return value

    def walk(self) -> Iterator[RouteSpec]:
        """This route and all below it."""
        yield self
        for route in self.routes:
            yield from route.walk()


class InhibitRule(Strict):
    """While an alert that ``source`` matches fires, nobody is told of those that ``target`` matches and whose labels
    in ``equal`` are the same."""

    source: Matchers = Field(min_length=1)
    target: Matchers = Field(min_length=1)
    equal: tuple[str, ...] = Field(default=(), strict=False)


# What is no measurement has not drifted, and a race is under way to mend what its model's alerts complain of.
_INHIBIT = (
    InhibitRule(
        source=(Matcher("kind", "equal", "quality"),),
        target=(Matcher("kind", "regex", "drift|missing"),),
        equal=("model", "feature", "segment"),
    ),
    InhibitRule(
        source=(Matcher("kind", "equal", "retraining"),),
        target=(Matcher("kind", "regex", "drift|performance|sequential"),),
        equal=("model",),
    ),
)


class AlertingConfig(Strict):
    """Everything about notices.

    Parameters
    ----------
    severity
        By kind of alert; it is a label.
    labels
        Labels of each model's alerts, such as its team, by model.
    runbook
        A link with what to do; ``{kind}``, ``{model}`` and ``{feature}`` are filled in.
    dashboard
        Where people reach the dashboard: notices link to it.
    inhibit_while_retraining
        For how long at most a running race counts as an alert of kind ``retraining``, which is never told but can
        inhibit others; 0 for not at all.
    give_up_after
        For how long a notice is tried.
    """

    severity: dict[str, Severity] = Field(default={})
    labels: dict[str, dict[str, str]] = Field(default={})
    runbook: str | None = None
    dashboard: str | None = None
    receivers: dict[str, ReceiverSpec] = Field(default={})
    route: RouteSpec = RouteSpec()
    inhibit: tuple[InhibitRule, ...] = Field(default=_INHIBIT, strict=False)
    inhibit_while_retraining: Milliseconds = Field(default=600_000, ge=0)
    give_up_after: Milliseconds = Field(default=3_600_000, gt=0)
    at_once: Positive = 8

    def severity_of(self, kind: str) -> Severity:
        """Severity of a kind of alert."""
        return self.severity.get(kind, default_severity(kind))

    def runbook_of(self, kind: str, model: str, feature: str | None) -> str | None:
        """The link for one alert."""
        if self.runbook is None:
            return None
        named = {"kind": kind, "model": model, "feature": feature or ""}
        text = self.runbook
        for name, value in named.items():
            text = text.replace("{" + name + "}", value)
        return text

    @field_validator("severity")
    @classmethod
    def _kinds(cls, value: dict[str, Severity]) -> dict[str, Severity]:
        for kind in value:
            if kind not in KINDS:
                raise ValueError(f"{kind!r} is no kind of alert; there are {', '.join(KINDS)}")
        return value

    @field_validator("labels")
    @classmethod
    def _names(cls, value: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        taken = ("model", "kind", "feature", "segment", "detector", "severity")
        for model, labels in value.items():
            for name in labels:
                if LABEL.fullmatch(name) is None:
                    raise ValueError(f"{model}.{name}: a label has letters, digits and '_' only")
                if name in taken:
                    raise ValueError(f"{model}.{name}: every alert has this label already")
        return value

    @field_validator("receivers")
    @classmethod
    def _receivers(cls, value: dict[str, ReceiverSpec]) -> dict[str, ReceiverSpec]:
        for name, receiver in value.items():
            if not NAME.fullmatch(name):
                raise ValueError(f"receiver {name!r}: letters, digits, '.', '_' and '-' only, at most 100")
            if not receiver.targets:
                ways = ", ".join(ReceiverSpec.model_fields)
                raise ValueError(f"receiver {name!r} has no way to be told; give one of {ways}")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        known = ", ".join(self.receivers) or "none"
        for route in self.route.walk():
            if route.receiver is not None and route.receiver not in self.receivers:
                raise ValueError(f"route: there is no receiver {route.receiver!r}; there are: {known}")
        if self.receivers and self.route.receiver is None:
            raise ValueError(f"route.receiver: say who is told what no other route matches; there are: {known}")
        if self.route.match or self.route.continue_:
            raise ValueError("route: the first route takes every alert; give match and continue to those in routes")
        return self
