"""The embedded broker as its users meet it: a real Kafka in a folder of the test's own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from typer.testing import CliRunner

from tests.broker.running import write_config
from trimtab import ModelFollower
from trimtab import Producer as Sender
from trimtab.cli.broker import app
from trimtab.config import KafkaConfig, load_config
from trimtab.errors import KafkaError
from trimtab.kafka.clients import admin
from trimtab.kafka.embedded import BrokerInfo, EmbeddedBroker, jars, process
from trimtab.kafka.embedded.errors import BrokerDiedError, BrokerTimeoutError, PortTakenError
from trimtab.kafka.embedded.found import connected
from trimtab.kafka.embedded.ports import choose_ports
from trimtab.kafka.embedded.state import read_state
from trimtab.kafka.topics import create_topics

START = "import sys; from pathlib import Path; from trimtab.kafka.embedded import EmbeddedBroker; {}"
TOPIC = "numbers"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    # A name that would need escaping in Kafka's settings.
    broker = EmbeddedBroker(tmp_path / "dä ta, 1")
    yield broker
    EmbeddedBroker(broker.data_dir).stop(timeout_s=10)


def write(info: BrokerInfo, *values: str) -> None:
    settings = {"bootstrap.servers": info.bootstrap_servers, "transactional.id": "writer", "log_level": 0}
    producer = Producer(settings)
    producer.init_transactions(30)
    producer.begin_transaction()
    for value in values:
        producer.produce(TOPIC, value, partition=0)
    producer.commit_transaction(30)


def read(info: BrokerInfo, count: int) -> list[str]:
    settings = {"bootstrap.servers": info.bootstrap_servers, "group.id": "reader", "log_level": 0}
    consumer = Consumer({**settings, "isolation.level": "read_committed", "enable.auto.commit": False})
    consumer.assign([TopicPartition(TOPIC, 0, 0)])
    values: list[str] = []
    deadline = time.monotonic() + 20
    while len(values) < count and time.monotonic() < deadline:
        values += [str(bytes(message.value() or b""), "utf-8") for message in consumer.consume(10, 0.2)]
    consumer.close()
    return values


def create_topic(info: BrokerInfo) -> None:
    admin = AdminClient({"bootstrap.servers": info.bootstrap_servers, "log_level": 0})
    for future in admin.create_topics([NewTopic(TOPIC, 1, 1)]).values():
        future.result(20)


def wait_until_dead(info: BrokerInfo) -> None:
    deadline = time.monotonic() + 10
    while process.identity(info.pid) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_life(broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start, use, start again, stop, restart offline, crash, recover: same port, all data."""
    assert broker.status() is None
    first = broker.start()
    assert broker.start() == broker.status() == EmbeddedBroker(broker.data_dir).start() == first
    create_topic(first)
    write(first, "a", "b")
    assert read(first, 2) == ["a", "b"]

    assert broker.stop() is True
    assert broker.stop() is False
    assert broker.status() is None
    assert process.identity(first.pid) is None

    def forbidden(*_: object) -> Path:
        raise AssertionError("a second start must not ask Maven")

    monkeypatch.setattr(jars, "_fetch", forbidden)
    monkeypatch.setitem(sys.modules, "jgo", None)
    second = broker.start()
    assert (second.bootstrap_servers, second.pid != first.pid) == (first.bootstrap_servers, True)
    write(second, "c")

    os.kill(second.pid, signal.SIGKILL)
    wait_until_dead(second)
    assert broker.status() is None
    third = broker.start()
    assert third.bootstrap_servers == first.bootstrap_servers
    write(third, "d")
    assert read(third, 4) == ["a", "b", "c", "d"]
    assert " ERROR " not in third.log_file.read_text()


def test_racing_starts_make_one_broker(broker: EmbeddedBroker) -> None:
    found: list[BrokerInfo] = []
    threads = [threading.Thread(target=lambda: found.append(EmbeddedBroker(broker.data_dir).start())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert len({info.pid for info in found}) == 1


def test_outlives_its_starter_which_may_crash(broker: EmbeddedBroker) -> None:
    script = START.format("EmbeddedBroker(Path(sys.argv[1])).start()")
    with subprocess.Popen([sys.executable, "-c", script, str(broker.data_dir)]) as starter:
        deadline = time.monotonic() + 60
        while (state := read_state(broker.data_dir)) is None or state.pid is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        starter.kill()
    assert broker.start().pid == state.pid


def test_taken_ports(broker: EmbeddedBroker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {taken} .* is taken by another program"):
            EmbeddedBroker(broker.data_dir, port=taken).start()
    info = broker.start()
    with pytest.raises(PortTakenError, match=f"already runs at {info.bootstrap_servers}, not on port {taken}"):
        EmbeddedBroker(broker.data_dir, port=taken).start()
    broker.stop()
    with socket.create_server(("127.0.0.1", int(info.bootstrap_servers.split(":")[1]))):
        assert broker.start().bootstrap_servers != info.bootstrap_servers


def test_port_taken_after_it_was_chosen(broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka itself meets the taken port: ours is chosen again."""
    from trimtab.kafka.embedded import broker as module

    with socket.create_server(("127.0.0.1", 0)) as other:
        late = [(other.getsockname()[1], 31_998)]
        monkeypatch.setattr(module, "answers", lambda port: port != other.getsockname()[1])
        monkeypatch.setattr(module, "choose_ports", lambda *given: late.pop() if late else choose_ports(*given))
        assert broker.start().bootstrap_servers != f"127.0.0.1:{other.getsockname()[1]}"


def test_broker_that_dies_is_quoted(broker: EmbeddedBroker) -> None:
    broker.start()
    broker.stop()
    meta = broker.data_dir / "log" / "meta.properties"
    meta.write_text(meta.read_text().replace("node.id=1", "node.id=2"))
    with pytest.raises(BrokerDiedError) as caught:
        broker.start()
    message = str(caught.value)
    assert "node" in message
    assert message.endswith(f"read {broker.log_file}")
    assert "\n" not in message


def test_slow_broker_goes_on_and_is_waited_for(broker: EmbeddedBroker) -> None:
    with pytest.raises(BrokerTimeoutError, match=r"did not answer .* start again to wait longer, or stop it"):
        broker.start(timeout_s=0.2)
    state = read_state(broker.data_dir)
    assert state is not None
    assert broker.start().pid == state.pid


def test_command_line(broker: EmbeddedBroker) -> None:
    runner, folder = CliRunner(), ["--data-dir", str(broker.data_dir)]
    assert runner.invoke(app, ["status", *folder]).exit_code == 3
    started = runner.invoke(app, ["start", *folder, "--json"])
    assert started.exit_code == 0, started.output
    status = runner.invoke(app, ["status", *folder, "--json"])
    assert (status.exit_code, status.stdout) == (0, started.stdout)
    assert "Stopped" in runner.invoke(app, ["stop", *folder]).stdout
    assert "No broker runs" in runner.invoke(app, ["stop", *folder]).stdout


def test_services_and_commands_find_the_one_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "nothing"))
    config = load_config(write_config(KafkaConfig(), tmp_path, {"credit": "online"}), environ={})
    with pytest.raises(KafkaError, match="no embedded broker runs; start one with: trimtab up"):
        Sender(config)
    running = EmbeddedBroker(tmp_path / "data" / "broker")
    try:
        info = running.start()
        assert connected(config).kafka.bootstrap_servers == info.bootstrap_servers
        create_topics(admin(connected(config).kafka), config.kafka)
        with Sender(config) as events:
            events.label(id="a", time=0, label=True)
            assert events.flush(20) == 0
            assert events.stats.delivered == 1
        with ModelFollower("credit", config) as follower:
            assert follower.predict({"x": 1.0, "y": 1.0}).value is None
    finally:
        running.stop()
