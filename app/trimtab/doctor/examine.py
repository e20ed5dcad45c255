"""All checks, one after the other; one that fails itself is a finding too."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from trimtab.config import Config
from trimtab.doctor import kafka, machine, models, processes, roles
from trimtab.doctor.finding import Finding, Status
from trimtab.errors import TrimtabError

__all__ = ["examine"]


def examine(config: Config) -> Iterator[Finding]:
    """Look at everything that can be wrong.

    Parameters
    ----------
    config
        With bootstrap servers.
    """
    from trimtab.kafka.clients import admin, connect

    try:
        connect(config.kafka)
    except TrimtabError as error:
        yield Finding("broker", Status.FAIL, str(error), "start Kafka, or mend kafka.bootstrap_servers")
        yield from machine.disk(config)
        return
    client = admin(config.kafka)
    yield from _safely("broker", lambda: kafka.broker(client))
    topics = list(_safely("topics", lambda: kafka.topics(client, config)))
    yield from topics
    yield from _safely("rights", lambda: kafka.rights(client, config))
    if any(one.check == "topics" and one.status == Status.FAIL for one in topics):
        yield from machine.disk(config)
        return
    yield from _safely("clocks", lambda: kafka.clocks(config))
    yield from _safely("roles", lambda: roles.lag(client, config))
    yield from _safely("processes", lambda: processes.processes(config))
    yield from _safely("dead letters", lambda: roles.dead_letters(config))
    yield from _models(config)
    yield from _safely("alerts", lambda: models.alerts(config))
    yield from machine.disk(config)


def _models(config: Config) -> Iterator[Finding]:
    try:
        index = models.open_index(config)
    except TrimtabError as error:
        yield Finding("registry", Status.FAIL, str(error), "see whether Kafka answers, and whether the topic is there")
        return
    try:
        yield from _safely("models", lambda: models.champions(config, index))
        yield from _safely("services", lambda: models.followers(config, index))
    finally:
        index.close()


def _safely(check: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    from confluent_kafka import KafkaException

    try:
        yield from look()
    except (TrimtabError, KafkaException, TimeoutError, ValueError, KeyError) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        yield Finding(
            check, Status.FAIL, f"could not be looked at: {said}", "see whether Kafka answers; then try again"
        )
