"""Which keys a canary is served for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trimtab.client.canary import CanaryChoice, canary_of, in_share
from trimtab.errors import RegistryError

SHARES = st.floats(0.0, 1.0)


@given(st.text(), st.integers(1, 99), SHARES, SHARES)
def test_a_key_that_is_in_stays_in_as_the_share_grows(key: str, version: int, one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert in_share(key, CanaryChoice(version, less)) <= in_share(key, CanaryChoice(version, more))


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_the_share_is_kept_and_versions_have_keys_of_their_own(share: float) -> None:
    keys = [f"customer-{number}" for number in range(20_000)]
    seven, eight = ({key for key in keys if in_share(key, CanaryChoice(v, share))} for v in (7, 8))
    for found, of, expected in ((seven, len(keys), share), (seven & eight, len(keys), share**2)):
        assert stats.binomtest(len(found), of, expected).pvalue > 1e-4


@given(st.sampled_from([None, "x", True, -0.1, 1.1, float("nan"), [0.1]]))
def test_a_share_that_is_none_is_refused(share: Any) -> None:
    with pytest.raises(RegistryError, match="share"):
        canary_of({"version": 8, "share": share}, champion=7)


def test_no_canary() -> None:
    assert canary_of(None, champion=7) is None
