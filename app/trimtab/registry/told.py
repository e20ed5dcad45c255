"""Entries of the audit log in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["details_text", "subject_of"]

_WORDS: Final = {
    "race_started": "a race starts",
    "candidates_replay": "candidates learn their examples again before a race",
    "race_not_started": "no race starts",
    "race_ended": "the race ends",
    "promoted": "becomes champion",
    "proposed": "is made, and does not serve yet",
    "waiting_for_approval": "waits for approval",
    "approval_expired": "was not approved in time",
    "canary_step": "is tried on a share of keys",
    "canary_withdrawn": "is withdrawn, being worse",
    "proposal_withdrawn": "is given up",
    "rolled_back": "is champion again",
    "reference_set": "is compared with another reference",
    "registered": "is imported",
    "pinned": "is pinned",
    "unpinned": "is no longer pinned",
    "versions_deleted": "versions leave the registry",
    "dead_letter_reinjected": "a dead letter is put back",
    "verified": "is made again, the same to the bit",
    "verify_failed": "could not be made again",
    "refused": "refused",
}


def subject_of(entry: Mapping[str, Any]) -> str:
    """What happened to which version.

    Examples
    --------
    >>> subject_of({"action": "promoted", "version": 7}), subject_of({"action": "moon_full"})
    ('version 7 becomes champion', 'moon full')
    """
    action, version = str(entry["action"]), entry.get("version")
    words = _WORDS.get(action, action.replace("_", " "))
    return f"version {version} {words}" if version is not None else words


def details_text(entry: Mapping[str, Any]) -> str:
    """The details of an entry of the audit log, for people.

    Examples
    --------
    >>> details_text({"details": {"wealth": 123.456, "candidate": "reset"}})
    'wealth 123.5, candidate reset'
    """
    details = entry.get("details") or {}
    return ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in details.items())
