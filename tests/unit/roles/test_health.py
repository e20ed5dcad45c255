"""What a process says of itself."""

import os

from trimtab.events import decode, encode
from trimtab.roles.health import health_record
from trimtab.roles.supervisor import ROLES
from trimtab.roles.vitals import COUNTERS, OF_ROLE


def test_the_record_has_its_schema() -> None:
    record = health_record(
        "monitor", "2", started_ms=5, now_ms=9, counters={"cpu_seconds": 1.25}, gauges={"rss_bytes": 2.0**30}
    )
    assert decode("health", encode("health", record)) == record
    assert (record["pid"], record["counters"], record["gauges"]) == (
        os.getpid(),
        {"cpu_seconds": 1.25},
        {"rss_bytes": 2.0**30},
    )


def test_every_role_tells_counters_that_exist() -> None:
    assert OF_ROLE.keys() == set(ROLES)
    assert {name for names in OF_ROLE.values() for name in names} | {"cpu_seconds"} == COUNTERS.keys()
