"""Kafka's settings for one node on one machine, as text.

Paths are relative to the data folder, in which Kafka runs: no name of a folder needs escaping.
"""

from __future__ import annotations

from trimtab.kafka.embedded.ports import HOST

__all__ = ["KAFKA_LOG", "LOG4J2_XML", "TOPIC_DATA", "server_properties"]

KAFKA_LOG = "kafka.log"
TOPIC_DATA = "log"

_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "log.dirs": TOPIC_DATA,
    # One node holds every copy; few partitions of the internal topics make the first commit quick.
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    # Topics are made by us with settings of their own; a misspelt name must fail.
    "auto.create.topics.enable": "false",
    "log.retention.ms": "-1",
    # A laptop may stay shut for weeks: one year until the offsets of an idle group are forgotten.
    "offsets.retention.minutes": "525600",
    # The default, spelt out: a batch of 1 MiB and its 12 bytes of overhead.
    "message.max.bytes": "1048588",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # Write offsets at once: the default gathers them for 5 ms, which helps only busy clusters.
    "group.coordinator.append.linger.ms": "0",
    # A reader of committed records waits for the transaction of a dead producer: look for those often.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    # After a crash the controller, restarted with the broker, first waits until the dead one's session is over:
    # 13 s to start with the default of 9 s.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "num.recovery.threads.per.data.dir": "2",
    # The default of 128 MiB is a quarter of the heap, for topics of millions of keys.
    "log.cleaner.dedupe.buffer.size": "16777216",
    "log.cleaner.threads": "1",
    # The controller's heartbeat in its own log; the default of 500 ms wakes an idle laptop's disk.
    "metadata.max.idle.interval.ms": "5000",
}

LOG4J2_XML = f"""<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="ERROR" shutdownHook="disable">
  <Appenders>
    <RollingFile name="file" fileName="{KAFKA_LOG}" filePattern="{KAFKA_LOG}.%i">
      <PatternLayout charset="UTF-8" pattern="%d{{yyyy-MM-dd HH:mm:ss,SSS}} %p %m (%c)%n"/>
      <Policies><SizeBasedTriggeringPolicy size="10 MB"/></Policies>
      <DefaultRolloverStrategy max="2"/>
    </RollingFile>
  </Appenders>
  <Loggers>
    <Root level="INFO"><AppenderRef ref="file"/></Root>
    <!-- Two pages of settings at each connection are no news. -->
    <Logger name="org.apache.kafka.common.config.AbstractConfig" level="WARN"/>
    <Logger name="org.apache.kafka.clients" level="WARN"/>
    <Logger name="kafka.server.KafkaConfig" level="WARN"/>
  </Loggers>
</Configuration>
"""


def server_properties(port: int, controller_port: int) -> str:
    """The file ``server.properties`` of a broker that only this machine can reach."""
    settings = {
        **_SETTINGS,
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
