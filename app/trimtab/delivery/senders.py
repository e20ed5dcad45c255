"""The senders of a configuration, by ``RECEIVER/PROTOCOL``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from trimtab.config import AlertingConfig
from trimtab.delivery.alertmanager import AlertmanagerSender
from trimtab.delivery.email import EmailSender
from trimtab.delivery.pagerduty import PagerDutySender
from trimtab.delivery.slack import SlackSender
from trimtab.delivery.webhook import WebhookSender
from trimtab.notices import Notice

__all__ = ["Sender", "senders_of"]


class Sender(Protocol):
    """Brings a notice to one receiver."""

    def send(self, notice: Notice) -> None:
        """Deliver it; raises Undelivered when it did not arrive."""


_SENDERS: Final[Mapping[str, Callable[[Any, str | None], Sender]]] = {
    "alertmanager": AlertmanagerSender,
    "slack": SlackSender,
    "pagerduty": PagerDutySender,
    "webhook": WebhookSender,
    "email": EmailSender,
}


def senders_of(config: AlertingConfig) -> dict[str, Sender]:
    """One for each way of each receiver."""
    return {
        f"{name}/{protocol}": _SENDERS[protocol](target, config.dashboard)
        for name, receiver in config.receivers.items()
        for protocol, target in receiver.targets.items()
    }
