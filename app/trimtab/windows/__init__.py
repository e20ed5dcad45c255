"""Event-time windows over the profile records of one model, as a pure state machine."""

from trimtab.windows.absence import Absence, Silence
from trimtab.windows.arrivals import Arrivals, Arrived
from trimtab.windows.clocks import Clocks
from trimtab.windows.followers import Followers
from trimtab.windows.read_through import ReadThrough
from trimtab.windows.records import ClosedWindow, LateEvents, WindowKey
from trimtab.windows.stale import Champion, Stale, Staleness
from trimtab.windows.state import WindowState

__all__ = [
    "Absence",
    "Arrivals",
    "Arrived",
    "Champion",
    "Followers",
    "Silence",
    "Stale",
    "Staleness",
    "WindowState",
    "WindowKey",
    "ClosedWindow",
    "LateEvents",
    "Clocks",
    "ReadThrough",
]
