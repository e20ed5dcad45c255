"""The notifier over a real Kafka: told once whatever is killed, silences and acknowledgements, audit, dead letters."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from tests.broker.receivers import Receiver, receiving
from tests.broker.running import running, start_role, stop_roles, wait_until, write_config
from trimtab.alerts import Evidence, alert_record
from trimtab.cli.main import run
from trimtab.config import Config, KafkaConfig, load_config
from trimtab.kafka.clients import producer
from trimtab.kafka.reading import read_topics
from trimtab.kafka.topics import partition_of
from trimtab.registry.audit import check
from trimtab.registry.audit_log import read_audit

ROLES = ("notifier",)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def configured(kafka: KafkaConfig, folder: Path, receiver: Receiver, **alerting: Any) -> Path:
    path = write_config(kafka, folder, {"credit": "frozen"})
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    settings["alerting"] = {
        "receivers": {"ops": {"webhook": {"url": receiver.url, "secret": "k3y"}}},
        "route": {"receiver": "ops", "group_wait": "1s", "group_interval": "1s", "repeat_interval": "1h"},
        **alerting,
    }
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def send(config: Config, *records: tuple[str, str, dict[str, Any] | None]) -> None:
    """Records of (topic, key, value)."""
    writer = producer(config.kafka, "test")
    for topic, key, value in records:
        where = partition_of("credit", config.kafka.partitions) if topic == "alerts" else -1
        body = None if value is None else orjson.dumps(value)
        writer.produce(f"{config.kafka.topic_prefix}{topic}", body, key.encode(), partition=where)
    assert writer.flush(10) == 0


def alert(feature: str, state: Any, started_ms: int) -> tuple[str, str, dict[str, Any]]:
    evidence = Evidence({"psi": 0.5}, {}, {"psi": 0.25}, 500, 0, started_ms, now_ms(), None, {}, ("psi",))
    record = alert_record(
        state,
        model="credit",
        version=1,
        kind="drift",
        feature=feature,
        segment="",
        started_ms=started_ms,
        raised_ms=now_ms(),
        evidence=evidence,
    )
    return "alerts", record["fingerprint"], record


def silence(id: str, feature: str, seconds: float) -> tuple[str, str, dict[str, Any]]:
    matchers = [{"name": "feature", "operator": "equal", "value": feature}]
    times = {"starts_ms": now_ms(), "ends_ms": now_ms() + int(seconds * 1_000), "time_ms": now_ms()}
    return "silences", f"silence/{id}", {"id": id, "matchers": matchers, "author": "ada", "comment": "known"} | times


def told(receiver: Receiver) -> list[tuple[str, list[tuple[str | None, str]]]]:
    """Reason, and feature and state of each alert, of each notice."""
    bodies = [request.json for request in receiver.requests]
    return [(b["reason"], [(a["feature"], a["state"]) for a in b["alerts"]]) for b in bodies]


def records(config: Config, topic: str) -> list[dict[str, Any]]:
    name = f"{config.kafka.topic_prefix}{topic}"
    return [orjson.loads(m.value()) for m in read_topics(config.kafka, [name]) if m.value()]


def test_from_firing_to_resolved(kafka: KafkaConfig, tmp_path: Path) -> None:
    with receiving() as receiver:
        path = configured(kafka, tmp_path, receiver)
        config = load_config(path)
        with running(path, ROLES) as [process]:
            send(config, alert("x", "firing", 1_000), alert("y", "firing", 1_000))
            assert wait_until(lambda: len(receiver.requests) == 1, 30)
            [beat] = records(config, "health")[-1:]
            assert (beat["role"], beat["instance"], beat["pid"]) == ("notifier", "1", process.pid)
            assert beat["gauges"]["rss_bytes"] > 1e7
            send(config, silence("s1", "x", 60), alert("x", "resolved", 1_000), alert("y", "resolved", 1_000))
            assert wait_until(lambda: len(receiver.requests) == 2, 30)
            assert wait_until(lambda: len(records(config, "notices")) == 2, 10)
        assert told(receiver) == [
            ("firing", [("x", "firing"), ("y", "firing")]),
            ("resolved", [("x", "resolved"), ("y", "resolved")]),
        ]
    ends = read_topics(config.kafka, [f"{config.kafka.topic_prefix}health"])
    assert [m.value() for m in ends][-1] is None, "its end is not told"
    outcomes = [(r["receiver"], r["route"], r["outcome"], r["reason"]) for r in records(config, "notices")]
    assert sorted(outcomes) == [("ops", "webhook", "sent", "firing"), ("ops", "webhook", "sent", "resolved")]
    entries = list(read_audit(config.kafka, "credit"))
    [entry] = [e.record for e in entries if e.record is not None]
    assert (entry["action"], entry["actor"], entry["writer"]) == ("silenced", "ada", "notifier")
    assert list(check(entries)) == []
    assert orjson.loads(orjson.dumps(records(config, "dead-letters"))) == []


def test_killed_between_deciding_and_telling(kafka: KafkaConfig, tmp_path: Path) -> None:
    with receiving() as receiver:
        path = configured(kafka, tmp_path, receiver)
        config = load_config(path)
        # It arrived, but the receiver says otherwise, and the process does not live to try it again.
        receiver.answers = [(503, {}, b"")]
        first = start_role(path, "notifier")
        try:
            send(config, alert("x", "firing", 1_000))
            assert wait_until(lambda: len(receiver.requests) == 1, 30, pause_s=0.02)
        finally:
            first.send_signal(signal.SIGKILL)
            first.wait()
        send(config, alert("x", "resolved", 1_000))
        with running(path, ROLES):
            assert wait_until(lambda: len(receiver.requests) == 3, 30)
            time.sleep(2)
        assert [reason for reason, _ in told(receiver)] == ["firing", "firing", "resolved"]
        keys = [request.headers["idempotency-key"] for request in receiver.requests]
        assert keys[0] == keys[1] != keys[2]


def test_another_process_takes_over(kafka: KafkaConfig, tmp_path: Path) -> None:
    with receiving() as receiver:
        path = configured(kafka, tmp_path, receiver)
        config = load_config(path)
        first = start_role(path, "notifier", "1")
        second = None
        try:
            send(config, alert("x", "firing", 1_000))
            assert wait_until(lambda: len(receiver.requests) == 1, 30)
            second = start_role(path, "notifier", "2")
            time.sleep(2)
            first.send_signal(signal.SIGKILL)
            first.wait()
            send(config, alert("y", "firing", 1_000))
            assert wait_until(lambda: len(receiver.requests) == 2, 40)
        finally:
            stop_roles([process for process in (first, second) if process is not None])
        assert told(receiver) == [("firing", [("x", "firing")]), ("more", [("x", "firing"), ("y", "firing")])]


def test_what_cannot_be_told_and_what_cannot_be_read_is_a_dead_letter(kafka: KafkaConfig, tmp_path: Path) -> None:
    with receiving() as receiver:
        path = configured(kafka, tmp_path, receiver, route={"receiver": "ops", "group_wait": "0s"})
        config = load_config(path)
        receiver.answers = [(400, {}, b"no such channel")]
        with running(path, ROLES):
            send(config, ("silences", "silence/s", {"id": "s", "matchers": []}), alert("x", "firing", 1_000))
            assert wait_until(lambda: len(records(config, "dead-letters")) == 2, 30)
    found = {r["reason"]: r["detail"] for r in records(config, "dead-letters")}
    assert set(found) == {"malformed", "undelivered"}
    assert "400: no such channel" in found["undelivered"]
    [record] = records(config, "notices")
    assert (record["outcome"], record["attempts"]) == ("failed", 1)


def said(capsys: pytest.CaptureFixture[str], path: Path, *words: str) -> tuple[int, str]:
    """Exit code and what a command says."""
    code = run(["alerts", *words, "--config", str(path)])
    out, err = capsys.readouterr()
    return code, out + err


def test_people_at_the_command_line(kafka: KafkaConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with receiving() as receiver:
        path = configured(kafka, tmp_path, receiver)
        config = load_config(path)
        assert said(capsys, path, "list") == (0, "Nothing fires.\n")
        send(config, alert("x", "firing", 1_000), alert("y", "firing", 1_000), alert("y", "resolved", 1_000))
        incident = alert("x", "firing", 1_000)[2]["incident"]
        code, out = said(capsys, path, "ack", "nothing-like-it")
        assert code == 2
        assert "does not fire" in out
        assert said(capsys, path, "ack", incident, "--actor", "ada", "--for", "1h")[0] == 0
        [row] = json.loads(said(capsys, path, "list", "--json")[1])["alerts"]
        assert (row["incident"], row["status"], row["author"]) == (incident, "acknowledged", "ada")
        code, out = said(capsys, path, "silence", 'feature=~"x|z"', "--for", "2h", "--actor", "bob", "--json")
        id = json.loads(out)["id"]
        [row] = json.loads(said(capsys, path, "list", "--json")[1])["alerts"]
        assert (row["status"], row["author"]) == ("silenced", "bob")
        assert id in said(capsys, path, "silences")[1]
        assert said(capsys, path, "unsilence", id)[0] == 0
        assert said(capsys, path, "silences") == (0, "Nothing is silenced.\n")
        for words in (["silence", "kind"], ["silence", "kind=~("], ["silence", "kind=a", "--for", "2"]):
            assert said(capsys, path, *words)[0] == 2, words
        code, out = said(capsys, path, "test-route", "model=credit", "--json")
        target = {"receiver": "ops", "route": "webhook", "outcome": "would be told", "failed": False}
        assert json.loads(out) == {"labels": {"model": "credit"}, "targets": [target]}
        assert receiver.requests == []
        assert said(capsys, path, "test-route", "model=credit", "--send")[0] == 0
        receiver.answers = [(403, {}, b"no")]
        assert said(capsys, path, "test-route", "model=credit", "--send")[0] == 1
        assert told(receiver)[0] == ("firing", [(None, "resolved")])
