"""The live code over history, without side effects: what would have fired, and when."""

from trimtab.backtest.history import History, read_history
from trimtab.backtest.run import Findings, backtest, reference_of, unusable

__all__ = ["Findings", "History", "backtest", "read_history", "reference_of", "unusable"]
