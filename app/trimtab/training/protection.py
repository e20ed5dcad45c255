"""Whether a candidate does no harm in the segments that are protected.

For each value of a protected segment two tests run on the paired differences ``d`` (the champion's loss less the
candidate's) of its examples: one bets that the candidate is worse by less than the tolerance, the other that it is
worse by more. The first must reach 1 / alpha for every value (an intersection-union test, Berger, "Multiparameter
hypothesis testing and acceptance sampling", Technometrics 1982, so alpha is not divided); as soon as the second
reaches it, the candidate is out. Both may be looked at after every example.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, Self

from trimtab.config import ProtectedSegment
from trimtab.training.betting import BettingTest

__all__ = ["Protection", "Shown"]

OTHER, MISSING = "(other)", "(missing)"


class Shown(NamedTuple):
    """What was seen of one value: by how much its mean loss is higher, and the evidence that this is within bounds."""

    name: str
    spec: ProtectedSegment
    examples: int
    increase: float
    harmless: float
    harmful: float


@dataclass(slots=True, eq=False)
class _Tests:
    harmless: BettingTest = field(default_factory=BettingTest)
    harmful: BettingTest = field(default_factory=BettingTest)


@dataclass(slots=True, eq=False)
class Protection:
    """The tests of one candidate, by segment and value.

    Examples
    --------
    >>> protection, spec = Protection(), ProtectedSegment(segment="region", tolerance=0.1)
    >>> for _ in range(200):
    ...     protection.update([spec], {"region": ("eu",)}, {"region": "eu"}, 0.0)
    >>> [eu, us] = protection.shown([spec], {"region": ("eu", "us")})
    >>> eu.name, eu.harmless > 20, eu.harmful > 20, us.examples
    ('region=eu', True, False, 0)
    """

    tests: dict[str, dict[str, _Tests]] = field(default_factory=dict)

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_wire` wrote."""
        return cls(
            {
                segment: {
                    value: _Tests(BettingTest(**pair["harmless"]), BettingTest(**pair["harmful"]))
                    for value, pair in values.items()
                }
                for segment, values in wire.items()
            }
        )

    def to_wire(self) -> dict[str, Any]:
        """Plain types."""
        return {
            segment: {value: asdict(pair) for value, pair in values.items()} for segment, values in self.tests.items()
        }

    def update(
        self,
        protected: Iterable[ProtectedSegment],
        known: Mapping[str, tuple[str, ...]],
        x: Mapping[str, Any],
        difference: float,
    ) -> None:
        """Take one example.

        Parameters
        ----------
        known
            The values of each segment; all others count as one.
        difference
            The champion's loss less the candidate's, in [-1, 1].
        """
        for spec in protected:
            value = x.get(spec.segment)
            name = MISSING if value is None else str(value) if value in known[spec.segment] else OTHER
            pair = self.tests.setdefault(spec.segment, {}).setdefault(name, _Tests())
            pair.harmless.update(difference + spec.tolerance)
            pair.harmful.update(-difference - spec.tolerance)

    def shown(self, protected: Iterable[ProtectedSegment], known: Mapping[str, tuple[str, ...]]) -> Iterator[Shown]:
        """What was seen of each known value, and of the others that came."""
        for spec in protected:
            seen = self.tests.get(spec.segment, {})
            for value in sorted({*known[spec.segment], *seen}):
                pair = seen.get(value, _Tests())
                increase = spec.tolerance - pair.harmless.mean if pair.harmless.count else 0.0
                yield Shown(
                    name=f"{spec.segment}={value}",
                    spec=spec,
                    examples=pair.harmless.count,
                    increase=increase,
                    harmless=pair.harmless.wealth,
                    harmful=pair.harmful.wealth,
                )
