"""Who takes part: the formats of Trimtab, and the peers with their scripts and requirements."""

from __future__ import annotations

from collections.abc import Sequence

from loadtest.peers.formats import FORMATS

__all__ = ["NAMES", "REQUIREMENTS", "chosen"]

REQUIREMENTS = {
    "raw": "confluent",
    "bytewax": "bytewax",
    "quixstreams": "quixstreams",
    "faust": "faust",
    "confluent_orjson": "confluent",
    "river_adwin": "river",
    "evidently": "evidently",
}
"""Peer, which is the name of its script, to the name of its requirements file."""

NAMES = (*FORMATS, *REQUIREMENTS)


def chosen(only: str | None, names: Sequence[str] = NAMES) -> list[str]:
    """The names of a list with commas, in the catalogue's order; all without a list.

    Raises
    ------
    ValueError
        A name is unknown; the message lists those that are known.

    Examples
    --------
    >>> chosen("raw, trimtab")
    ['trimtab', 'raw']
    """
    if only is None:
        return list(names)
    wanted = {name.strip() for name in only.split(",")} - {""}
    unknown = sorted(wanted - set(names))
    if unknown or not wanted:
        raise ValueError(f"unknown: {', '.join(unknown) or 'nothing is named'}; choose from {', '.join(names)}")
    return [name for name in names if name in wanted]
