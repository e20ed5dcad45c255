"""Data quality: what makes a window's values no measurements at all, before anybody asks whether they have drifted."""

from trimtab.quality.checks import CHECKS, Problem, problems

__all__ = ["CHECKS", "Problem", "problems"]
