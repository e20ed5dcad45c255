"""Anytime-valid evidence that one model's loss is smaller than another's.

A test martingale by betting (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting",
JRSS-B 2024; Ville's inequality): for paired differences ``d`` in [-1, 1] with mean at most 0 the wealth

    W_n = mean over bets l of prod_i (1 + l * d_i)

exceeds 1 / alpha at any time with probability at most alpha. So it may be looked at after every example. Differences
that are mostly small are clipped to a bound ``c`` and enter as ``d / c``: the hypothesis is then of the clipped ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["BETS", "BettingTest"]

BETS = (0.05, 0.1, 0.2, 0.4)
# Far beyond any level in use; keeps a long race from overflowing.
_LARGEST = 1e100


@dataclass(slots=True)
class BettingTest:
    """Wealth against the hypothesis that the mean difference is zero or below.

    Parameters
    ----------
    restart
        Start anew whenever the wealth falls below 1: a watch for a change rather than a test, as CUSUM is to the
        sequential probability ratio test; its alarms are not bounded by alpha.

    Examples
    --------
    >>> test = BettingTest()
    >>> for _ in range(100):
    ...     test.update(0.2)
    >>> test.wealth > 100
    True
    """

    restart: bool = False
    count: int = 0
    total: float = 0.0
    capital: list[float] = field(default_factory=lambda: [1.0] * len(BETS))

    @property
    def wealth(self) -> float:
        """Evidence: 1 is none, 1 / alpha is enough at level alpha."""
        return sum(self.capital) / len(BETS)

    @property
    def mean(self) -> float:
        """Mean difference; 0 before the first."""
        return self.total / self.count if self.count else 0.0

    def update(self, difference: float, bound: float = 1.0) -> None:
        """Take one paired difference: positive speaks for the challenger.

        Parameters
        ----------
        bound
            Above 0, the same for all; a difference beyond it, on either side of 0, counts as it.
        """
        difference = min(max(difference, -bound), bound)
        self.count += 1
        self.total += difference
        if difference:
            share = difference / bound
            self.capital = [min(c * (1.0 + bet * share), _LARGEST) for c, bet in zip(self.capital, BETS, strict=True)]
            if self.restart and self.wealth < 1.0:
                self.count, self.total, self.capital = 0, 0.0, [1.0] * len(BETS)
