"""Performance: metrics of a window's labelled predictions, and whether they got worse than they may."""

from trimtab.performance.evaluate import PerformanceVerdict, Status, evaluate
from trimtab.performance.metrics import HIGHER_IS_BETTER, Task, metrics
from trimtab.performance.significance import p_value_of_drop

__all__ = ["metrics", "p_value_of_drop", "Task", "HIGHER_IS_BETTER", "evaluate", "PerformanceVerdict", "Status"]
