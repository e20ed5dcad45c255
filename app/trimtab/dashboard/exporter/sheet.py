"""Samples become families of prometheus_client."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from trimtab.dashboard.exporter.families import FAMILIES

__all__ = ["Sample", "registry_of"]


class Sample(NamedTuple):
    """One number of a family; ``labels`` are the values, in the family's order."""

    family: str
    value: float
    labels: tuple[str, ...] = ()


def registry_of(samples: Iterable[Sample]) -> CollectorRegistry:
    """A registry that holds these samples, in the order of :data:`FAMILIES`.

    Examples
    --------
    >>> from prometheus_client import generate_latest
    >>> text = generate_latest(registry_of([Sample("trimtab_dead_letters_total", 3, ("malformed",))])).decode()
    >>> text.splitlines()[-1]
    'trimtab_dead_letters_total{reason="malformed"} 3.0'
    """
    found: dict[str, Metric] = {}
    for sample in samples:
        family = FAMILIES[sample.family]
        if sample.family not in found:
            kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
            found[sample.family] = kind(family.name, family.help, labels=family.labels)
        metric = found[sample.family]
        metric.add_sample(sample.family, dict(zip(family.labels, sample.labels, strict=True)), float(sample.value))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Held([found[name] for name in FAMILIES if name in found]))
    return registry


class _Held(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families
