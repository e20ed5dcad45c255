"""What the dashboard knows, without one: the topics are read into a store that is thrown away."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from rich.console import Group

from trimtab import clock
from trimtab.config import Config
from trimtab.dashboard.reader import Reader
from trimtab.dashboard.store import Queries, Store
from trimtab.dashboard.terminal import name_of, rates, screen
from trimtab.dashboard.views.fleet import FleetView, fleet
from trimtab.dashboard.views.system import LagRow, SystemView, lags, system
from trimtab.dashboard.views.world import World
from trimtab.registry.index import RegistryIndex
from trimtab.registry.signing import Trust

__all__ = ["Watch", "watching"]

# What is shown needs no more.
_KEEP_MS: Final = 86_400_000
_DETAIL_MS: Final = 60_000
_WINDOWS: Final = 100
_LAG_EVERY_S: Final = 5.0
# Lines that are no models and no processes: the head, two headers, what is left out, what is unread, and the cursor's.
_OTHERS: Final = 6


class Watch:
    """Looks at the fleet again and again."""

    def __init__(self, config: Config, queries: Queries, index: RegistryIndex, reader: Reader) -> None:
        self._config = config
        self._queries, self._index, self._reader = queries, index, reader
        self._before: dict[str, tuple[int, dict[str, float]]] = {}
        self._rated: dict[str, dict[str, float]] = {}
        self._lags: list[LagRow] | None = None
        self._asked_s = float("-inf")

    def wait(self, timeout_s: float) -> bool:
        """Wait until the log is read; whether it is."""
        deadline = time.monotonic() + timeout_s
        while self._reader.share < 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        return self._reader.share >= 1

    def look(self) -> tuple[FleetView, SystemView]:
        """What is known now. Blocks while Kafka is asked what is unread."""
        if time.monotonic() - self._asked_s >= _LAG_EVERY_S:
            self._lags, self._asked_s = lags(self._config), time.monotonic()
        world = World(self._config, self._queries, self._index, clock.now_ms(), self._reader.share)
        return fleet(world), system(world, self._lags)

    def draw(self, height: int | None = None) -> Group:
        """The same as text of at most so many lines, with rates since the sign of life before the last."""
        seen, known = self.look()
        most = None if height is None else max(1, height - len(known["processes"]) - _OTHERS)
        fresh = [row for row in known["processes"] if self._before.get(name_of(row), (0,))[0] != row["time_ms"]]
        self._rated |= rates(self._before, fresh)
        self._before |= {name_of(row): (row["time_ms"], row["counters"]) for row in fresh}
        return screen(seen, known, self._rated, most)


@contextmanager
def watching(config: Config) -> Iterator[Watch]:
    """Read until the block ends; raises KafkaError when no broker answers."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trimtab-top-")))
        less = config.dashboard.model_copy(update={"keep": _KEEP_MS, "detail": _DETAIL_MS, "windows": _WINDOWS})
        small = config.model_copy(update={"dashboard": less})
        store = Store(folder / "store.db", "", keep_ms=_KEEP_MS, detail_ms=_DETAIL_MS, windows=_WINDOWS)
        stack.callback(store.close)
        index = RegistryIndex(config.kafka, "trimtab-top", Trust.of(config), references=False)
        stack.callback(index.close)
        index.start()
        reader = Reader(small, store, lambda _: None)
        reader.start()
        stack.callback(reader.close)
        yield Watch(config, Queries(store.path), index, reader)
