"""Cases of the comparison with other packages are what both sides take for the same."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from loadtest.verdicts.parity import cases, ours


def test_numbers_are_the_same_from_cells_as_from_values() -> None:
    made = cases(8)
    own = ours(made)
    assert {name.split("/")[0] for name in own} == {f"{kind}{case}" for kind in "cn" for case in range(8)}
    for case in range(8):
        before, after = (made[f"n{case}/{side}"] for side in ("before", "after"))
        assert own[f"n{case}/ks"] == pytest.approx(stats.ks_2samp(before, after).statistic, abs=1e-12)
        assert own[f"n{case}/wasserstein"] == pytest.approx(
            stats.wasserstein_distance(before, after) / np.std(before), abs=1e-9
        )
