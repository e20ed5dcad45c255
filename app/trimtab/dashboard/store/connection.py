"""A connection to SQLite that lets go of its file by itself."""

from __future__ import annotations

import sqlite3

__all__ = ["Connection"]


class Connection(sqlite3.Connection):
    """Closes when nobody holds it: its thread has ended, it is to be replaced, or the file is no database.

    Whoever drops it may be another thread, so make it with ``check_same_thread=False``.
    """

    def __del__(self) -> None:
        self.close()
