"""The user's own settings are in force for every client; those that guarantees rest on are refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from trimtab.config import KafkaConfig
from trimtab.config.root import _OURS
from trimtab.errors import KafkaError
from trimtab.kafka import clients


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Settings of the clients that are made, none of which connects."""
    found: list[dict[str, Any]] = []
    for name in ("AdminClient", "Consumer", "Producer"):
        monkeypatch.setattr(clients, name, found.append)
    return found


def kafka(**settings: str) -> KafkaConfig:
    dotted = {name.replace("_", "."): SecretStr(value) for name, value in settings.items()}
    return KafkaConfig(bootstrap_servers="127.0.0.1:1", librdkafka=dotted)


def test_the_users_settings_win(made: list[dict[str, Any]]) -> None:
    config = kafka(fetch_wait_max_ms="7", linger_ms="8", retry_backoff_ms="9", sasl_password="secret")
    clients.consumer(config, "c", fetch_wait_max_ms=50)
    clients.producer(config, "p", linger_ms=0)
    clients.admin(config)
    consumer, producer, admin = made
    assert (consumer["fetch.wait.max.ms"], producer["linger.ms"], producer["retry.backoff.ms"]) == ("7", "8", "9")
    assert {one["sasl.password"] for one in (consumer, producer, admin)} == {"secret"}


def test_without_them_ours_are_in_force(made: list[dict[str, Any]]) -> None:
    clients.consumer(kafka(), "c", group_id="g")
    clients.producer(kafka(), "p", linger_ms=0)
    assert (made[0]["group.id"], made[0]["isolation.level"]) == ("g", "read_committed")
    assert (made[1]["linger.ms"], made[1]["enable.idempotence"]) == (0, True)


@pytest.mark.parametrize(
    ("alias", "ours", "value"),
    [("queue.buffering.max.ms", "linger.ms", "7"), ("compression.codec", "compression.type", "gzip")],
)
def test_the_users_settings_win_by_an_alias_too(made: list[dict[str, Any]], alias: str, ours: str, value: str) -> None:
    clients.producer(KafkaConfig(bootstrap_servers="127.0.0.1:1", librdkafka={alias: SecretStr(value)}), "p")
    assert made[0][ours] == value
    assert alias not in made[0]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("retries", "0", "retries"),
        ("max.in.flight", "9", "max.in.flight"),
        ("no.such.setting", "1", 'No such configuration property: "no.such.setting"'),
        ("linger.ms", "soon", "Invalid value for configuration property"),
    ],
)
def test_what_librdkafka_refuses_is_told(name: str, value: str, said: str) -> None:
    config = KafkaConfig(bootstrap_servers="127.0.0.1:1", librdkafka={name: SecretStr(value)})
    with pytest.raises(KafkaError, match=f"cannot make a Kafka client: .*{said}.*; mend kafka.librdkafka"):
        clients.producer(config, "p")


@pytest.mark.parametrize("name", sorted(_OURS))
def test_what_guarantees_rest_on_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=f"{name}: Trimtab sets it, since its guarantees rest on it; remove it"):
        KafkaConfig(librdkafka={name: SecretStr("x")})


def test_where_kafka_is_has_a_key_of_its_own() -> None:
    with pytest.raises(ValidationError, match=r"bootstrap.servers: give it as kafka.bootstrap_servers"):
        KafkaConfig(librdkafka={"bootstrap.servers": SecretStr("x")})
