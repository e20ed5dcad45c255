"""A transaction is committed once each of its records is known to be stored."""

from __future__ import annotations

import pytest

from tests.unit.client.test_producer import Report
from trimtab.config import KafkaConfig
from trimtab.errors import KafkaError
from trimtab.roles.transactions import TransactionalOutput


class Client:
    """Reports one record when it is flushed."""

    def __init__(self, output: TransactionalOutput, offset: int | None) -> None:
        self.output = output
        self.offset = offset
        self.committed = False

    def flush(self, _timeout_s: float) -> int:
        self.output._delivered(None, Report(self.offset))
        return 0

    def commit_transaction(self, _timeout_s: float) -> None:
        self.committed = True


@pytest.mark.parametrize("offset", [5, None])
def test_a_record_that_was_not_stored_ends_the_transaction(offset: int | None) -> None:
    output = TransactionalOutput(KafkaConfig(bootstrap_servers="127.0.0.1:1"), "trimtab.monitor-3")
    output.producer = client = Client(output, offset)
    if offset is None:
        with pytest.raises(KafkaError, match=r"trimtab\.monitor-3: Kafka took a later record for it"):
            output.commit_now()
    else:
        output.commit_now()
    assert client.committed == (offset is not None)
    output.close()
