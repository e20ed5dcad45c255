"""What is measured: reading alone, which is the limit, and a collector process from start to the end of the stream."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from trimtab.config import KafkaConfig
from trimtab.kafka.clients import consumer

__all__ = ["Measured", "collect", "read_raw"]

BATCH = 5_000
STALL_S = 60.0


class Measured(NamedTuple):
    """``cpu_us_per_event`` is user and system time of the reading process."""

    events_per_s: float
    cpu_us_per_event: float
    rss_mb: float


def read_raw(config: KafkaConfig, topic: str, count: int) -> Measured:
    """Consume the stream in this process and do nothing with it."""
    reader = consumer(config, "loadtest-raw")
    reader.assign([TopicPartition(topic, number, 0) for number in range(config.partitions)])
    seen, began, cpu = 0, time.perf_counter(), time.process_time()
    deadline = time.monotonic() + STALL_S
    while seen < count:
        found = len(reader.consume(BATCH, timeout=0.1))
        seen += found
        deadline = time.monotonic() + STALL_S if found else deadline
        if time.monotonic() > deadline:
            raise SystemExit(f"loadtest: {topic} gave nothing for {STALL_S:.0f} s at {seen:,} of {count:,} events")
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    reader.close()
    return Measured(count / seconds, 1e6 * cpu / count, _rss_mb(os.getpid()))


def collect(config: KafkaConfig, path: Path, topic: str, count: int) -> Measured:
    """Run a collector over the stream, and time it from its first commit to its last."""
    command = [sys.executable, "-m", "trimtab", "run", "collector", "--config", str(path)]
    log = path.with_name("collector.log")
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    group = consumer(config, "loadtest-lag", group_id=f"{config.topic_prefix}collector")
    try:
        first, began = _wait(group, config, topic, 1, process, log), time.perf_counter()
        cpu = _cpu_s(process.pid)
        _wait(group, config, topic, count, process, log)
        seconds, cpu = time.perf_counter() - began, _cpu_s(process.pid) - cpu
        rss = _rss_mb(process.pid)
    finally:
        group.close()
        process.terminate()
        process.wait(30)
    done = count - first
    return Measured(done / seconds, 1e6 * cpu / done, rss)


def _wait(
    group: Consumer, config: KafkaConfig, topic: str, wanted: int, process: subprocess.Popen[bytes], log: Path
) -> int:
    """Wait until the collector has committed ``wanted`` events; returns how many it has."""
    positions = [TopicPartition(topic, number) for number in range(config.partitions)]
    deadline, last = time.monotonic() + STALL_S, -1
    while True:
        done: int = sum(max(0, position.offset) for position in group.committed(positions, timeout=10))
        if done >= wanted:
            return done
        if done > last:
            deadline, last = time.monotonic() + STALL_S, done
        if process.poll() is not None:
            raise SystemExit(f"loadtest: the collector ended with code {process.returncode}; read {log}")
        if time.monotonic() > deadline:
            raise SystemExit(f"loadtest: the collector stands at {done:,} of {wanted:,} events; read {log}")
        time.sleep(0.02)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


def _rss_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
