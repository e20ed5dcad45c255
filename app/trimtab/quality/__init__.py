"""Data quality: what makes a window's values no measurements at all, before anybody asks whether they have drifted."""

from trimtab.quality.checks import CHECKS, Problem, problems
from trimtab.quality.volume import Amount, Volume

__all__ = ["CHECKS", "Amount", "Problem", "Volume", "problems"]
