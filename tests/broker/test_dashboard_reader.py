"""The dashboard's reader over a real log: from its beginning, from where it was, and when the log is another one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.broker.running import wait_until
from tests.browser import world
from trimtab.config import Config, KafkaConfig, load_config
from trimtab.dashboard.reader import Reader
from trimtab.dashboard.store import Queries, Store
from trimtab.kafka.clients import admin
from trimtab.kafka.topics import TOPICS, create_topics

DAY_MS = 86_400_000


@contextmanager
def reading(config: Config, path: Path) -> Iterator[tuple[Reader, Queries, list[set[str]]]]:
    changes: list[set[str]] = []
    spec = config.dashboard
    store = Store(path, "source", keep_ms=spec.keep, detail_ms=spec.detail)
    reader = Reader(config, store, changes.append)
    reader.start()
    try:
        yield reader, Queries(path), changes
    finally:
        reader.close()
        store.close()


@pytest.fixture
def config(kafka: KafkaConfig, tmp_path: Path) -> Config:
    return load_config(world.write_config(kafka, tmp_path), environ={})


def read(reader: Reader) -> bool:
    return wait_until(lambda: reader.share >= 1, 30, 0.05)


def test_from_the_beginning_and_then_from_where_it_was(config: Config, tmp_path: Path) -> None:
    world.fill(config)
    path = tmp_path / "store.db"
    with reading(config, path) as (reader, queries, changes):
        assert read(reader)
        assert wait_until(lambda: len(queries.windows("numbers", "credit")) == world.WINDOWS, 10)
        assert queries.letter_counts() == {"malformed": 1, "unknown_schema": 1}
        before = len(changes)
        world.send_all(config, [world.alert("credit", "age", 0, incident="abcd-1")])
        assert wait_until(lambda: queries.incident("abcd-1") is not None, 5, 0.02)
        assert {"alerts/credit"} in changes[before:]
    world.send_all(config, [world.dead_letter("t.labels", b"{")])
    with reading(config, path) as (reader, queries, changes):
        assert read(reader)
        assert wait_until(lambda: queries.letter_counts()["malformed"] == 2, 10)
        assert changes == [{"dead-letters"}], "nothing else was read again"


def test_what_is_older_than_is_kept_is_not_read(config: Config, tmp_path: Path) -> None:
    now_ms = time.time_ns() // 1_000_000
    rows = []
    for days in (100, 50, 1):
        metrics = world.whole([world.metric("credit", 1, "age", "psi", 0.1, now_ms - days * DAY_MS)])
        rows += [one._replace(time_ms=now_ms - days * DAY_MS) for one in metrics]
    world.send_all(config, rows)
    with reading(config, tmp_path / "store.db") as (reader, queries, _):
        assert read(reader)
        assert wait_until(lambda: len(queries.windows("drifts", "credit")) == 2, 10)
        kept = [bool(queries.statistics("credit", "age", now_ms - days * DAY_MS, 1)) for days in (100, 50, 1)]
        assert kept == [False, False, True], "single statistics are kept for three days"


def test_a_log_that_was_made_anew_is_read_anew(config: Config, tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    world.send_all(config, [world.dead_letter("t.labels", b"{") for _ in range(9)])
    with reading(config, path) as (reader, queries, _):
        assert read(reader)
        assert wait_until(lambda: queries.letter_counts() == {"malformed": 9}, 10)
    client = admin(config.kafka)
    for deleted in client.delete_topics([config.kafka.topic_prefix + spec.name for spec in TOPICS]).values():
        deleted.result()
    time.sleep(1.0)
    create_topics(client, config.kafka)
    world.send_all(config, [world.dead_letter("t.labels", b"{", "duplicate") for _ in range(2)])
    with reading(config, path) as (reader, queries, _):
        assert wait_until(lambda: queries.letter_counts() == {"duplicate": 2}, 20), queries.letter_counts()
