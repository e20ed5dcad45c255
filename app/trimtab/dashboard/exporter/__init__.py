"""What is known, for Prometheus: /metrics of the dashboard."""

from trimtab.dashboard.exporter.families import FAMILIES, Family
from trimtab.dashboard.exporter.route import routes

__all__ = ["FAMILIES", "Family", "routes"]
