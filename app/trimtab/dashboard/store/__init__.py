"""What the dashboard knows: a bounded SQLite file, filled from the log and made anew from it when it is lost."""

from trimtab.dashboard.store.queries import Queries
from trimtab.dashboard.store.store import Store
from trimtab.dashboard.store.taken import Taken

__all__ = ["Queries", "Store", "Taken"]
