"""What was read through was heard: whatever the order in which Kafka, collector and monitor go on."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.windows import ReadThrough

STEPS = st.lists(st.sampled_from(["produce", "collect", "commit", "take", "ask", "tick"]), min_size=30, max_size=80)


class Pipeline:
    """One topic with one source partition; each flush of the collector is one profile record."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.produced: list[int] = []
        self.flushing = self.committed = self.taken = 0
        self.profiles: list[int] = []  # source offset below which everything is in this record or an earlier one
        self.visible = 0
        self.source = ReadThrough(since_ms=-1)

    def run(self, step: str) -> None:
        self.now_ms += 1
        getattr(self, step)()

    def produce(self) -> None:
        self.produced.append(self.now_ms)

    def collect(self) -> None:
        """Profiles are written before offset and record are committed."""
        if len(self.profiles) == self.visible and self.flushing < len(self.produced):
            self.flushing = len(self.produced)
            self.profiles.append(self.flushing)

    def commit(self) -> None:
        self.visible, self.committed = len(self.profiles), self.flushing

    def take(self) -> None:
        self.taken = min(self.taken + 1, self.visible)

    def ask(self) -> None:
        self.source.see(self.now_ms, read=[self.committed], ends=[len(self.produced)], profiles_end=len(self.profiles))

    def tick(self) -> None:
        self.source.take(self.taken)

    @property
    def heard(self) -> int:
        return self.profiles[self.taken - 1] if self.taken else 0


@given(STEPS)
@settings(max_examples=300)
def test_what_was_read_through_was_heard(steps: list[str]) -> None:
    pipeline = Pipeline()
    for step in steps:
        pipeline.run(step)
        # A record of the same moment may or may not have been there.
        before = sum(1 for at in pipeline.produced if at < pipeline.source.until_ms)
        assert pipeline.heard >= before


@given(STEPS)
def test_it_arrives_when_all_is_read(steps: list[str]) -> None:
    pipeline = Pipeline()
    for step in steps:
        pipeline.run(step)
    for step in ("commit", "collect", "commit", *["take"] * 80, *["ask", "tick"] * 3):
        pipeline.run(step)
    assert pipeline.now_ms - pipeline.source.until_ms <= 4


@given(STEPS, st.integers(1, 3))
def test_a_busy_partition_goes_on(steps: list[str], lag: int) -> None:
    """There is always something unread, and still the moment moves."""
    pipeline = Pipeline()
    for step in steps:
        pipeline.run(step)
    for _ in range(10 + lag):
        for step in ("commit", "produce", "collect", "produce", "ask", "commit", "take", "take", "tick"):
            pipeline.run(step)
    assert pipeline.now_ms - pipeline.source.until_ms <= 60
