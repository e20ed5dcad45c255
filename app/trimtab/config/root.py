"""The whole configuration: Kafka, the roles, and the models."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from trimtab.config.alerting import AlertingConfig
from trimtab.config.base import NAME, Positive, Strict
from trimtab.config.dashboard import DashboardConfig
from trimtab.config.duration import Milliseconds
from trimtab.config.model import ModelConfig
from trimtab.config.signing import RegistryConfig

__all__ = ["CollectorConfig", "Config", "KafkaConfig"]


# What exactly-once, the order of events, and where keys land rest on; by librdkafka's names and their aliases.
_OURS = frozenset(
    (
        "acks",
        "auto.commit.enable",
        "auto.offset.reset",
        "delivery.report.only.error",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.gapless.guarantee",
        "enable.idempotence",
        "enable.partition.eof",
        "group.id",
        "group.instance.id",
        "group.protocol",
        "isolation.level",
        "partition.assignment.strategy",
        "partitioner",
        "request.required.acks",
        "transactional.id",
    )
)


class KafkaConfig(Strict):
    """Where Kafka is. Without ``bootstrap_servers`` the embedded broker is used.

    ``librdkafka`` settings are passed to every confluent-kafka client, and win over ours; those that guarantees rest on
    are refused. Their values are masked when shown, since passwords are among them.
    """

    bootstrap_servers: str | None = None
    topic_prefix: str = Field(default="trimtab.", pattern=r"^[A-Za-z0-9._-]*$")
    partitions: Positive = 4
    replication_factor: Positive = 1
    librdkafka: dict[str, SecretStr] = Field(default={})

    @field_validator("librdkafka", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        if isinstance(value, dict):
            return {name: v if isinstance(v, SecretStr) else SecretStr(_text(name, v)) for name, v in value.items()}
        return value

    @field_validator("librdkafka")
    @classmethod
    def _theirs(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name in value:
            if name in ("bootstrap.servers", "metadata.broker.list"):
                raise ValueError(f"{name}: give it as kafka.bootstrap_servers")
            if name in _OURS:
                raise ValueError(f"{name}: Trimtab sets it, since its guarantees rest on it; remove it")
        return value


class CollectorConfig(Strict):
    """The collector flushes (commits) after ``flush_interval`` when busy and at once when quiet.

    An event whose time is more than ``max_future`` ahead of its Kafka timestamp is refused.
    """

    flush_interval: Milliseconds = Field(default=10, gt=0)
    batch_size: Positive = 2_000
    max_event_bytes: Positive = 1_000_000
    max_future: Milliseconds = Field(default=3_600_000, ge=0)


class Config(Strict):
    """One ``trimtab.yaml``."""

    kafka: KafkaConfig = KafkaConfig()
    data_dir: Path | None = Field(default=None, strict=False)
    collector: CollectorConfig = CollectorConfig()
    dashboard: DashboardConfig = DashboardConfig()
    registry: RegistryConfig = RegistryConfig()
    alerting: AlertingConfig = AlertingConfig()
    models: dict[str, ModelConfig] = Field(min_length=1)

    @model_validator(mode="after")
    def _approvers(self) -> Self:
        for name, model in self.models.items():
            for approver in model.gates.approvers:
                if approver not in self.registry.keys:
                    known = ", ".join(self.registry.keys) or "none"
                    raise ValueError(
                        f"models.{name}.gates.approvers: {approver!r} is no key in registry.keys; there are: {known}"
                    )
        return self

    @model_validator(mode="after")
    def _labelled(self) -> Self:
        for name in self.alerting.labels:
            if name not in self.models:
                raise ValueError(f"alerting.labels: there is no model {name!r}; there are: {', '.join(self.models)}")
        return self

    @field_validator("models")
    @classmethod
    def _names(cls, value: dict[str, ModelConfig]) -> dict[str, ModelConfig]:
        for name in value:
            if not NAME.fullmatch(name):
                raise ValueError(f"model name {name!r}: letters, digits, '.', '_' and '-' only, at most 100")
        return value


def _text(name: object, value: object) -> str:
    """librdkafka's spelling of a YAML scalar."""
    if not isinstance(value, (str, int, float)):
        raise ValueError(f"{name}: a text, a number or a boolean is expected")
    return str(value).lower() if isinstance(value, bool) else str(value)
