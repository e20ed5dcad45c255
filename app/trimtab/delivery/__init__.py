"""Brings notices to their receivers: one module for each protocol, each with its message as a pure function."""

from trimtab.delivery.outcome import Undelivered
from trimtab.delivery.senders import Sender, senders_of

__all__ = ["Sender", "Undelivered", "senders_of"]
