"""Why a notice did not arrive."""

from __future__ import annotations

from trimtab.errors import TrimtabError

__all__ = ["Undelivered"]


class Undelivered(TrimtabError):
    """A notice did not arrive.

    Parameters
    ----------
    what
        Where it was sent and what was answered; without secrets.
    final
        Trying the same again is of no use.
    after_ms
        How long the receiver asked to wait.
    """

    def __init__(self, what: str, *, final: bool = False, after_ms: int | None = None) -> None:
        super().__init__(what)
        self.final = final
        self.after_ms = after_ms
