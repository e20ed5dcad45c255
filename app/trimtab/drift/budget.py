"""How small a p-value has to be: a budget of false alarms in time, spent over all tests of a window."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Budget"]

_TAU = 0.5
_SHARE_OF_ALARMS = 0.1
_KEPT = 0.8


class Budget:
    """Spends the expected number of false alarms that a stretch of event time may have.

    A window's allowance is shared by its tests, features times statistics. Tests with a p-value above 1/2 take no
    part, and the others' p-values count twofold (ADDIS discards them so; Tian and Ramdas, 2019): nothing is spent on
    tests that never can be rejected, such as those of constants. With independent p-values the expected number of false
    rejections is at most the allowance, and rather less when they go together.

    Each alarm earns a tenth of a false one, spent over the next windows (alpha-investing: Foster and Stine, 2008;
    SAFFRON: Ramdas et al., 2018; with a memory that decays, for streams without end: Rebjock et al., 2021). So when
    much begins to drift more is found, of which a tenth may be false; while nothing does, what is earned is earned by
    false alarms, and the nine tenths that are handed out by time keep the sum within the budget. A drift that goes on
    is one alarm, however many windows reject.

    Parameters
    ----------
    alarms, period_ms
        So many false alarms in so much event time.
    earned
        Restored: what :attr:`earned` was.

    Attributes
    ----------
    spent, last_level
        Of the last window: the false alarms that it was to be expected to have, and the level.

    Examples
    --------
    >>> budget = Budget(alarms=1, period_ms=30 * 24 * 3_600_000)
    >>> level = budget.level(3_600_000, [0.2, 0.7, 0.9, 0.001])
    >>> round(level, 6)
    0.000313
    >>> budget.settle(alarms=1)
    >>> budget.level(3_600_000, [0.2, 0.7, 0.9, 0.001]) > level
    True
    """

    def __init__(self, alarms: float, period_ms: int, earned: float = 0.0) -> None:
        self.per_ms = alarms / period_ms
        self.earned = earned
        self.spent = self.last_level = 0.0

    def level(self, window_ms: int, p_values: Sequence[float], share: float = 1.0) -> float:
        """Largest p-value that is rejected among those of one window.

        Parameters
        ----------
        window_ms
            Event time from this window to the next one.
        share
            Of the window's allowance, when its segments are tested apart.
        """
        extra = (1 - _KEPT) * self.earned
        self.earned -= extra
        allowance = (1 - _SHARE_OF_ALARMS) * self.per_ms * window_ms * share + extra
        tested = sum(p_value <= _TAU for p_value in p_values)
        self.spent = allowance if tested else 0.0
        self.last_level = _TAU * min(1.0, allowance / max(1, tested))
        return self.last_level

    def settle(self, alarms: int) -> None:
        """So many alarms have begun."""
        self.earned += _SHARE_OF_ALARMS * alarms
