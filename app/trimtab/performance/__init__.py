"""Performance: metrics of a window's labelled predictions, and whether they got worse than they may."""

from trimtab.performance.estimate import ESTIMATED, EXPECTED, estimated_accuracy, expected_accuracy
from trimtab.performance.evaluate import PerformanceVerdict, Status, evaluate
from trimtab.performance.metrics import HIGHER_IS_BETTER, Task, metrics
from trimtab.performance.significance import p_value_of_drop

__all__ = [
    "ESTIMATED",
    "EXPECTED",
    "HIGHER_IS_BETTER",
    "PerformanceVerdict",
    "Status",
    "Task",
    "estimated_accuracy",
    "evaluate",
    "expected_accuracy",
    "metrics",
    "p_value_of_drop",
]
