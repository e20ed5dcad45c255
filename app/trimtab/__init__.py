"""Trimtab: an event-driven monitor and retrainer for machine-learning models, on Kafka alone."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trimtab.client import ModelFollower, Producer

__version__ = "0.1.0"

__all__ = ["ModelFollower", "Producer", "__version__"]

_LAZY = {"ModelFollower": "trimtab.client.follower", "Producer": "trimtab.client.producer"}


def __getattr__(name: str) -> Any:
    """Load the clients at their first use, so that the command line starts without Kafka and River."""
    if name not in _LAZY:
        raise AttributeError(f"module 'trimtab' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
