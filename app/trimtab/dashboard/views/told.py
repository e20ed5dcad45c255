"""What an entry of the audit log says, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trimtab.registry.told import details_text, subject_of

__all__ = ["told"]


def told(entry: Mapping[str, Any]) -> str:
    """The subject and its details.

    Examples
    --------
    >>> told({"action": "promoted", "version": 7, "details": {"wealth": 20.5}})
    'Version 7 becomes champion: wealth 20.5.'
    """
    subject, details = subject_of(entry), details_text(entry)
    return f"{subject[:1].upper()}{subject[1:]}{f': {details}' if details else ''}."
