"""Performance: metrics of a window's labelled predictions, and whether they got worse than they may."""

from trimtab.performance.evaluate import PerformanceVerdict, Status, evaluate
from trimtab.performance.metrics import HIGHER_IS_BETTER, Task, metrics

__all__ = ["metrics", "Task", "HIGHER_IS_BETTER", "evaluate", "PerformanceVerdict", "Status"]
