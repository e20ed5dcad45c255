"""A stream that pauses as a whole for longer than partitions may be silent: nothing is late, windows are whole."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import yaml

from tests.broker.running import Results, running, wait_until
from trimtab import Producer
from trimtab.config import KafkaConfig, load_config

SIZE_MS = 2_000
IDLE_S = 1.0


def test_a_pause_makes_nothing_late(kafka: KafkaConfig, tmp_path: Path) -> None:
    model = {
        "task": "binary",
        "features": {"x": {"type": "numeric"}},
        "labels": False,
        "window": {"size": SIZE_MS, "idle_timeout": int(IDLE_S * 1_000), "min_count": 1},
        "factory": {"class": "river.linear_model:LogisticRegression"},
    }
    path = tmp_path / "trimtab.yaml"
    where = kafka.model_dump(mode="json", exclude={"librdkafka"})
    path.write_text(yaml.safe_dump({"kafka": where, "data_dir": str(tmp_path / "data"), "models": {"m": model}}))
    results, sent = Results(load_config(path)), Counter[int]()
    with running(path, ["collector", "monitor"]), Producer(path) as producer:

        def send(seconds: float) -> None:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                now_ms = time.time_ns() // 1_000_000
                producer.prediction(
                    model="m", id=f"e{sum(sent.values())}", time=now_ms, features={"x": 1.0}, prediction="1"
                )
                sent[now_ms // SIZE_MS * SIZE_MS] += 1
                time.sleep(0.004)
            assert producer.flush(10) == 0

        for _ in range(3):
            send(3.0)
            # All partitions are silent for longer than idle_timeout.
            time.sleep(2.5 * IDLE_S)
        send(1.0)

        def events() -> dict[int, float]:
            found = [m for m in results.metrics() if m["statistic"] == "events" and not m["segment"]]
            return {m["start_ms"]: m["value"] for m in found}

        assert wait_until(lambda: sum(events().values()) == sum(sent.values()), 30)
        assert events() == dict(sent)
    assert not [m for m in results.metrics() if m["statistic"].startswith("late")]
