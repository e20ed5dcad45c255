"""Predictions meet their features and labels by event id, within a horizon, in any order."""

from trimtab.joining.entry import Entry, Source
from trimtab.joining.join import Expired, Join, Joined, Outcome, Refused, Resolved
from trimtab.joining.pending import Meta, PendingError, PendingStore

__all__ = [
    "Entry",
    "Expired",
    "Join",
    "Joined",
    "Meta",
    "Outcome",
    "PendingError",
    "PendingStore",
    "Refused",
    "Resolved",
    "Source",
]
