"""Every error that Trimtab raises on purpose, grouped by what the operator must do.

::

    TrimtabError
    ├── ConfigError        exit 2   mend trimtab.yaml, an argument or an environment variable
    ├── KafkaError         exit 3   the brokers cannot be reached or refuse: mend Kafka, then start again
    ├── BrokerError        exit 4   the embedded broker cannot run on this machine (kafka.embedded)
    ├── EventError         —        one bad event: it goes to dead letters, the rest flows on (events)
    ├── RegistryError      exit 5   a snapshot is missing, damaged or not admitted
    └── TrainingError      exit 6   a model factory or a training step failed

Every message is one line and says what was wrong, where, and what to do.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = ["ConfigError", "KafkaError", "RegistryError", "TrainingError", "TrimtabError"]


class TrimtabError(Exception):
    """Root of all errors raised on purpose; the command line prints it as one line and exits."""

    exit_code: ClassVar[int] = 1


class ConfigError(TrimtabError):
    """Configuration, argument or input file is wrong."""

    exit_code: ClassVar[int] = 2


class KafkaError(TrimtabError):
    """Kafka cannot be reached, or refuses what we ask."""

    exit_code: ClassVar[int] = 3


class RegistryError(TrimtabError):
    """A registry record is missing, damaged, or names code that is not admitted."""

    exit_code: ClassVar[int] = 5


class TrainingError(TrimtabError):
    """A model factory or a training step failed."""

    exit_code: ClassVar[int] = 6
