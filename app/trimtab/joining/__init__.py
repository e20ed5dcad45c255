"""Predictions meet their features and labels by event id, within a horizon, in any order."""

from trimtab.joining.clock import expiry_clock
from trimtab.joining.join import Join
from trimtab.joining.outcomes import Joined, Outcomes, Refused
from trimtab.joining.store import DamagedError, Meta, PendingError, Store

__all__ = ["DamagedError", "Join", "Joined", "Meta", "Outcomes", "PendingError", "Refused", "Store", "expiry_clock"]
