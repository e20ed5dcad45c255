"""Events ahead of their time are refused by their Kafka timestamp, and the rows around them stay."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trimtab.events import Reason
from trimtab.events.columns import Texts
from trimtab.events.future import without_future
from trimtab.events.tables import FeatureTable, Sources

MOST = 100


def table(times: list[int], sources: Sources) -> FeatureTable:
    ids = Texts.of([f"e{k}" for k in range(len(times))])
    return FeatureTable(ids, np.array(times, np.int64), ids, sources)


@given(st.lists(st.tuples(st.integers(0, 500), st.sampled_from([-1, 1, 200, 400])), min_size=1, max_size=20))
def test_each_is_kept_or_refused(rows: list[tuple[int, int]]) -> None:
    # Offsets have gaps, as those of a compacted or transactional topic.
    offsets = np.arange(len(rows)) * 3 + 7
    sources = Sources(0, offsets, np.array([stamp for _, stamp in rows], np.int64))
    kept, refused = without_future([table([time for time, _ in rows], sources)], sources, MOST)
    ahead = [k for k, (time, stamp) in enumerate(rows) if stamp > 0 and time > stamp + MOST]
    assert [one.row for one in refused] == ahead
    assert all(one.error.reason is Reason.FROM_THE_FUTURE for one in refused)
    left = [row for part in kept for row in ((part.sources.offset - 7) // 3).tolist()]
    assert sorted([*left, *ahead]) == list(range(len(rows)))


def test_one_event_of_a_batch_is_named_by_its_record() -> None:
    """Three events of one record, and one of another."""
    chunk = Sources(0, np.array([40, 41]), np.array([1_000, 1_000]))
    rows = Sources(0, np.array([40, 40, 40, 41]), np.full(4, 1_000))
    [part], [refusal] = without_future([table([5, 1_000_000, 7, 8], rows)], chunk, MOST)
    assert refusal.row == 0
    assert part.time_ms.tolist() == [5, 7, 8]
    assert "1970-01-01T00:16:40+00:00, but Kafka had the event at 1970-01-01T00:00:01" in refusal.error.detail
