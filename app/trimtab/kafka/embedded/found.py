"""Where Kafka is when nobody says so: the embedded broker that runs on this machine."""

from __future__ import annotations

from trimtab.config import Config
from trimtab.errors import KafkaError
from trimtab.kafka.embedded.broker import EmbeddedBroker
from trimtab.kafka.embedded.paths import default_data_dir

__all__ = ["connected", "with_bootstrap"]


def connected(config: Config) -> Config:
    """The configuration with bootstrap servers: its own, or those of the embedded broker that runs.

    Raises
    ------
    KafkaError
        If no brokers are configured and no embedded one runs.
    """
    if config.kafka.bootstrap_servers is not None:
        return config
    folders = [default_data_dir()] if config.data_dir is None else [config.data_dir / "broker", default_data_dir()]
    for folder in folders:
        info = EmbeddedBroker(folder).status()
        if info is not None:
            return with_bootstrap(config, info.bootstrap_servers)
    raise KafkaError(
        "no Kafka is configured and no embedded broker runs; start one with: trimtab up, or trimtab broker start, "
        "or set kafka.bootstrap_servers"
    )


def with_bootstrap(config: Config, servers: str) -> Config:
    """The configuration with these bootstrap servers."""
    return config.model_copy(update={"kafka": config.kafka.model_copy(update={"bootstrap_servers": servers})})
