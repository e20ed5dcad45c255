"""Records as the roles write them, of a small fleet over some weeks, for a dashboard to show."""

from __future__ import annotations

import base64
import hashlib
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import yaml

from tests.broker.running import kafka_settings
from trimtab.config import Config, KafkaConfig
from trimtab.kafka.clients import producer
from trimtab.kafka.topics import Topics, partition_of
from trimtab.registry.audit import Chain
from trimtab.roles.window_records import window_records

HOUR_MS = 3_600_000
WINDOWS = 240
MODELS = ("churn", "credit", "fraud", "pricing")
EVIL = "<img src=x onerror=alert(1)>"
FEATURES = {
    "credit": ("income", "age", "debt_ratio", "region"),
    "churn": ("tenure", "plan", "calls"),
    "fraud": ("amount", "country", EVIL),
    "pricing": ("nights", "season"),
}
CHANNELS = ("web", "branch")
INCIDENT = "5f2c8d0e9b1a7c34-1"
STATISTICS = {"psi": 0.25, "js": 0.35, "ks": 0.2, "wasserstein": 0.45}


class Message(NamedTuple):
    """A record on its way: topic without prefix, key, value, partition, Kafka timestamp."""

    topic: str
    key: str
    value: Any
    partition: int | None
    time_ms: int


def write_config(kafka: KafkaConfig, folder: Path, **dashboard: Any) -> Path:
    """A trimtab.yaml of the fleet."""
    models = {}
    for name in MODELS:
        features: dict[str, Any] = {feature: {"type": "numeric"} for feature in FEATURES[name]}
        features["channel"] = {"type": "categorical", "values": list(CHANNELS)}
        models[name] = {
            "task": "regression" if name == "pricing" else "binary",
            "mode": "online" if name == "churn" else "frozen",
            "features": features,
            "segments": ["channel"],
            "window": {"size": "1h", "min_count": 20},
            "performance": [{"metric": "rmse" if name == "pricing" else "accuracy", "max_drop": 0.05}],
            "factory": {"class": "river.linear_model:LogisticRegression"},
        }
    settings = {
        "kafka": kafka_settings(kafka),
        "data_dir": str(folder / "data"),
        "dashboard": {"port": 0, **dashboard},
        "models": models,
    }
    path = folder / "trimtab.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def now_hour_ms() -> int:
    return time.time_ns() // 1_000_000 // HOUR_MS * HOUR_MS


def send_all(config: Config, messages: Iterator[Message] | list[Message]) -> None:
    """Write records, and know that they are stored."""
    sender = producer(config.kafka, "test-world")
    prefix = Topics(config.kafka.topic_prefix).prefix
    for one in messages:
        value = one.value if isinstance(one.value, bytes) or one.value is None else orjson.dumps(one.value)
        where = partition_of(one.key.split("/")[0], config.kafka.partitions) if one.partition is None else one.partition
        sender.produce(prefix + one.topic, value, one.key.encode(), partition=where, timestamp=one.time_ms)
        sender.poll(0)
    assert sender.flush(30) == 0


def metric(
    model: str, version: int, feature: str | None, statistic: str, value: float, end_ms: int, **other: Any
) -> Message:
    record = {
        "model": model,
        "version": version,
        "segment": "",
        "feature": feature,
        "statistic": statistic,
        "value": value,
        "p_value": None,
        "count": 400,
        "start_ms": end_ms - HOUR_MS,
        "end_ms": end_ms,
        "status": "ok",
        "histogram": None,
        **other,
    }
    key = f"{model}/{version}/{record['segment']}/{feature or ''}/{statistic}"
    return Message("metrics", key, record, None, min(end_ms, time.time_ns() // 1_000_000))


def window(
    model: str, version: int, end_ms: int, rng: random.Random, *, shift: float = 0.0, bad: int = 0
) -> list[Message]:
    """All metric records of one window; the first ``bad`` features have drifted by ``shift``."""
    found = [metric(model, version, None, "events", 400 + rng.randrange(60), end_ms)]
    for at, feature in enumerate(FEATURES[model]):
        drifted = at < bad
        for statistic, limit in STATISTICS.items():
            value = limit * (abs(rng.gauss(0.25, 0.12)) + (shift if drifted else 0))
            status = "drift" if drifted and shift > 0.8 else "ok"
            found.append(metric(model, version, feature, statistic, value, end_ms, status=status, p_value=rng.random()))
        found.append(_histogram(model, version, feature, end_ms, shift if drifted else 0.0))
    name = "rmse" if model == "pricing" else "accuracy"
    right = (0.31 if name == "rmse" else 0.9) + rng.gauss(0, 0.008) - (0.05 * shift if bad else 0)
    status = "worse" if name == "accuracy" and right < 0.84 else "ok"
    if name == "accuracy":
        # What the scores say sees half of what a shift costs.
        guess = right + (0.025 * shift if bad else 0) + 0.006 * math.sin(end_ms / HOUR_MS)
        found.append(metric(model, version, None, "estimated_accuracy", guess, end_ms, count=400))
    for segment in ("", *(f"channel={channel}" for channel in CHANNELS)):
        value, count = right + (rng.gauss(0, 0.01) if segment else 0), 380 if not segment else 190
        found.append(metric(model, version, None, "labelled", count, end_ms, segment=segment, count=count))
        found.append(metric(model, version, None, name, value, end_ms, segment=segment, count=count, status=status))
        if segment:
            found.append(metric(model, version, None, "events", 200, end_ms, segment=segment))
    return found


def _histogram(model: str, version: int, feature: str, end_ms: int, shift: float) -> Message:
    bounds = [f"{x / 2:g} to {(x + 1) / 2:g}" for x in range(-5, 5)]
    shares = [[math.exp(-0.5 * ((x + 0.5) / 2 - of) ** 2) for x in range(-5, 5)] for of in (0.0, 0.6 * shift)]
    reference, now = ([one / sum(of) for one in of] for of in shares)
    spread = {"labels": bounds, "reference": reference, "window": now}
    return metric(model, version, feature, "histogram", 400, end_ms, histogram=spread)


def history(rng: random.Random, until_ms: int) -> Iterator[Message]:
    """Metric records of all models; credit drifts and recovers with version 2, fraud drifts at the end."""
    for at in range(WINDOWS):
        end_ms = until_ms - (WINDOWS - 1 - at) * HOUR_MS
        for model in MODELS:
            version, shift, bad = 1, 0.0, 0
            if model == "credit" and at >= 120:
                version = 2 if at >= 150 else 1
                shift, bad = (1.6, 2) if at < 150 else (0.0, 0)
            if model == "fraud" and at >= WINDOWS - 12:
                shift, bad = 1.3, 3
            yield from whole(window(model, version, end_ms, rng, shift=shift, bad=bad))


def whole(metrics: list[Message]) -> list[Message]:
    """Metric records with the records of their windows, as the monitor writes them."""
    records = window_records([one.value for one in metrics], STATISTICS)
    time_ms = metrics[0].time_ms
    return [*metrics, *(Message("windows", record["model"], record, None, time_ms) for record in records)]


def alert(model: str, feature: str, end_ms: int, *, incident: str = INCIDENT, state: str = "firing") -> Message:
    now_ms = time.time_ns() // 1_000_000
    record = {
        "fingerprint": incident.split("-", maxsplit=1)[0],
        "incident": incident,
        "state": state,
        "model": model,
        "version": 1,
        "kind": "drift",
        "feature": feature,
        "segment": "",
        "detector": None,
        "event_time_ms": end_ms,
        "started_ms": end_ms - 3 * HOUR_MS,
        "last_produced_ms": now_ms - 2_000,
        "raised_ms": now_ms,
        "summary": f"Feature {feature} of {model}@1 has drifted: psi 0.41, threshold 0.25, in 412 events.",
        "severity": "critical",
        "runbook": "https://runbooks.example.com/drift",
        "evidence": {
            "statistics": {"psi": 0.41, "ks": 0.28},
            "p_values": {"psi": 1e-7},
            "thresholds": {"psi": 0.25, "ks": 0.2},
            "count": 412,
            "start_ms": end_ms - HOUR_MS,
            "end_ms": end_ms,
            "reference": f"{model}@1",
            "offsets": [{"partition": 0, "first": 100, "last": 511}],
            "position": None,
            "histogram": {
                "labels": ["0 to 1", "1 to 2", "2 to 3"],
                "reference": [0.5, 0.3, 0.2],
                "window": [0.2, 0.3, 0.5],
            },
            "ranking": [{"name": feature, "effect": 1.64}, {"name": "country", "effect": 1.1}],
            "segments": [{"name": "channel=web", "effect": 1.9}],
        },
    }
    return Message("alerts", str(record["fingerprint"]), record, partition_of(model, 3), now_ms)


def registry(until_ms: int) -> Iterator[Message]:
    """Versions of every model; credit has two, the second of the first."""
    for model in MODELS:
        last = 2 if model == "credit" else 1
        for version in range(1, last + 1):
            yield Message("registry", f"{model}/versions/{version}", manifest(model, version, until_ms), 0, until_ms)
        alias = {"model": model, "alias": "champion", "version": last, "reason": "first", "changed_ms": until_ms}
        yield Message("registry", f"{model}/aliases/champion", alias, 0, until_ms)


def manifest(model: str, version: int, until_ms: int) -> dict[str, Any]:
    metrics = {"rmse": 0.3} if model == "pricing" else {"accuracy": 0.905, "f1": 0.87, "log_loss": 0.29}
    examples = {"topic": "examples", "partition": 0, "first_offset": 0, "last_offset": 999 * version}
    return {
        "model": model,
        "version": version,
        "parent": version - 1 or None,
        "candidate": "first" if version == 1 else "reset",
        "family": "",
        "trigger": "first" if version == 1 else "drift",
        "incident": None,
        "examples": {**examples, "count": 1_000 * version, "sha256": hashlib.sha256(model.encode()).hexdigest()},
        "race": None if version == 1 else {"examples": 400.0, "champion_loss": 0.3, "loss": 0.22},
        "reference": f"{model}@{version}",
        "metrics": metrics,
        "config": "{}",
        "config_sha256": "c" * 64,
        "factory_sha256": "f" * 64,
        "gates": [{"gate": "snapshot_bytes", "value": 2_048.0, "limit": 1e8, "evidence": None}],
        "environment": {"python": "3.11.2", "trimtab": "0.1.0"},
        "state_digest": "d" * 64,
        "snapshot": {"size_bytes": 2_048, "sha256": "5" * 64, "chunks": []},
        "created_ms": until_ms - (3 - version) * 48 * HOUR_MS,
        "imported": None,
        "manifest_sha256": "",
    }


def audit(until_ms: int) -> Iterator[Message]:
    """A chain of the trainer about credit."""
    chain = Chain("credit", "trainer")
    turn_ms = until_ms - (WINDOWS - 150) * HOUR_MS
    story = [
        ("promoted", 1, "first", until_ms - (WINDOWS - 1) * HOUR_MS, {}),
        ("race_started", None, "drift", turn_ms - 4 * HOUR_MS, {"candidates": 3.0}),
        ("race_ended", None, "drift", turn_ms - HOUR_MS, {"winner": "reset", "examples": 400.0}),
        ("promoted", 2, "drift", turn_ms, {"candidate": "reset", "wealth": 128.4}),
    ]
    for action, version, trigger, time_ms, details in story:
        entry = {
            "model": "credit",
            "action": action,
            "actor": "trainer",
            "trigger": trigger,
            "incident": None,
            "version": version,
            "offset": 100,
            "time_ms": time_ms,
            "event_time_ms": time_ms,
            "details": details,
        }
        yield Message("audit", "credit", chain.sealed(entry), None, time_ms)


def dead_letter(
    topic: str, value: bytes, reason: str = "malformed", detail: str = "not JSON: mend the sender"
) -> Message:
    now_ms = time.time_ns() // 1_000_000
    record = {
        "reason": reason,
        "detail": detail,
        "topic": topic,
        "partition": 1,
        "offset": 4_711,
        "timestamp_ms": now_ms,
        "key": base64.b64encode(b"order-17").decode(),
        "value": base64.b64encode(value).decode(),
        "size_bytes": len(value),
        "sha256": hashlib.sha256(value).hexdigest(),
    }
    return Message("dead-letters", topic, record, 0, now_ms)


def race(now_ms: int) -> Iterator[Message]:
    """A race of credit that runs now."""
    for at in range(40):
        time_ms, count = now_ms - (40 - at) * 10_000, 20 + at * 10
        own = {"start_ms": time_ms, "count": count}
        for candidate, loss in (("", 0.36), ("continue", 0.33), ("reset", 0.27)):
            segment = f"candidate={candidate}" if candidate else ""
            value = loss + 0.1 / (at + 1)
            yield metric("credit", 2, None, "race_loss", value, time_ms, segment=segment, **own)
            if candidate:
                wealth = 1 + at * (0.6 - loss)
                yield metric("credit", 2, None, "race_evidence", wealth, time_ms, segment=segment, **own)


def health(now_ms: int) -> Iterator[Message]:
    for role in ("collector", "monitor", "trainer"):
        record = {
            "role": role,
            "instance": "1",
            "host": "host-a",
            "pid": 4242,
            "release": "0.1.0",
            "started_ms": now_ms - 7_200_000,
            "time_ms": now_ms,
            "counters": {"events": 120_000.0},
            "gauges": {"lag": 12.0, "watermark_delay_s": 1.5},
        }
        yield Message("health", f"{role}/1", record, None, now_ms)


def follower(now_ms: int) -> Message:
    record = {
        "model": "credit",
        "instance": "api-1",
        "version": 2,
        "learnt_offset": None,
        "loaded_ms": now_ms,
        "canary": None,
        "replica": False,
        "behind_s": 0.2,
        "reloads": 2,
        "refused": 0,
        "last_refusal": None,
        "time_ms": now_ms,
    }
    return Message("followers", "credit/api-1", record, None, now_ms)


def notice(now_ms: int) -> Message:
    told = {
        "fingerprint": INCIDENT.split("-", maxsplit=1)[0],
        "incident": INCIDENT,
        "state": "firing",
        "model": "fraud",
        "summary": "Feature amount of fraud@1 has drifted.",
    }
    record = {
        "id": "n-1",
        "receiver": "oncall",
        "route": "slack-1",
        "group": {"model": "fraud"},
        "outcome": "sent",
        "reason": "firing",
        "alerts": [told],
        "attempts": 1,
        "error": None,
        "due_ms": now_ms,
        "time_ms": now_ms,
    }
    return Message("notices", "n-1", record, 0, now_ms)


def fill(config: Config) -> None:
    """Everything."""
    until_ms, now_ms = now_hour_ms(), time.time_ns() // 1_000_000
    rng = random.Random(7)
    topic = f"{config.kafka.topic_prefix}predictions"
    messages = [
        *history(rng, until_ms),
        *registry(until_ms),
        *audit(until_ms),
        *race(now_ms),
        *health(now_ms),
        follower(now_ms),
        alert("fraud", "amount", until_ms),
        alert("churn", "tenure", until_ms, incident="aaaa000011112222-2"),
        notice(now_ms),
        dead_letter(topic, b'{"id": "order-17", "model": "credit", "time": "yesterday'),
        dead_letter(topic, bytes(range(64)), "unknown_schema", "the first byte is neither JSON nor C3: send JSON"),
    ]
    send_all(config, messages)
