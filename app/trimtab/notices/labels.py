"""Labels of an alert: what it is routed, grouped, silenced and inhibited by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["labels_of"]


def labels_of(record: Mapping[str, Any], own: Mapping[str, str]) -> dict[str, str]:
    """Labels of an alert record, those that are empty left out.

    Parameters
    ----------
    record
        Of schema ``alert``.
    own
        Those that ``alerting.labels`` gives to its model.

    Examples
    --------
    >>> record = {"model": "credit", "kind": "drift", "feature": "age", "segment": "", "severity": "warning"}
    >>> labels_of(record, {"team": "risk"})
    {'model': 'credit', 'kind': 'drift', 'feature': 'age', 'severity': 'warning', 'team': 'risk'}
    """
    names = ("model", "kind", "feature", "segment", "detector", "severity")
    given = {name: str(record[name]) for name in names if record.get(name)}
    return given | dict(own)
