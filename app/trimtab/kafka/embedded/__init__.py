"""A real Apache Kafka on this machine, from packages alone: the default when no ``bootstrap.servers`` is given.

Read in this order: :mod:`.broker` tells the story (start, stop, status); :mod:`.jars` brings Kafka,
:mod:`.java` the Java that runs it, :mod:`.storage` the data folder, :mod:`.process` the process,
:mod:`.state` what is remembered between starts, :mod:`.diagnosis` what Kafka said when it died.
"""

from trimtab.kafka.embedded.broker import BrokerInfo, EmbeddedBroker
from trimtab.kafka.embedded.errors import BrokerError
from trimtab.kafka.embedded.jars import Progress
from trimtab.kafka.embedded.paths import default_data_dir

__all__ = ["EmbeddedBroker", "BrokerInfo", "BrokerError", "Progress", "default_data_dir"]
