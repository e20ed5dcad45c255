"""What ``trimtab doctor`` makes of what processes say of themselves."""

from pathlib import Path
from typing import Any

from tests.unit.dashboard.worlds import config_of
from trimtab.config import Config
from trimtab.doctor.processes import judged

NOW_MS = 1_000_000_000


def record(role: str, instance: str = "1", age_ms: int = 1_000, **gauges: float) -> dict[str, Any]:
    return {
        "release": "1.0",
        "role": role,
        "instance": instance,
        "host": "box",
        "pid": 7,
        "time_ms": NOW_MS - age_ms,
        "counters": {},
        "gauges": gauges,
    }


def found(config: Config, *records: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {one.check: (one.status.value, one.what) for one in judged(config, list(records), NOW_MS)}


def with_receiver(config: Config) -> Config:
    receivers = {"receivers": {"ops": {"webhook": {"url": "http://127.0.0.1:9/"}}}, "route": {"receiver": "ops"}}
    alerting = type(config.alerting).model_validate(receivers)
    return config.model_copy(update={"alerting": alerting})


def test_a_silent_process_is_named(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    assert found(config, record("trainer"), record("monitor", "b"))["processes"][0] == "ok"
    status, what = found(config, record("trainer", "b", age_ms=60_000))["processes"]
    assert (status, what) == ("warn", "trainer b (process 7 on box) has said nothing for 60 s")


def test_releases_that_do_not_go_together(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    assert "releases" not in found(config, record("trainer"), record("monitor"))
    status, what = found(config, record("trainer"), {**record("monitor"), "release": "1.1"})["releases"]
    assert status == "warn"
    assert what.startswith("processes of 1.0 and 1.1 run together")


def test_windows_that_stall(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    assert "watermark" not in found(config, record("monitor", watermark_delay_seconds=60.0))
    assert found(config, record("monitor", watermark_delay_seconds=9e6))["watermark"][0] == "warn"


def test_somebody_has_to_tell_of_alerts(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    assert found(config)["notifier"] == ("ok", "0 run, 0 acts; 0 receivers are configured, so nobody is told of alerts")
    told = with_receiver(config)
    assert found(told, record("notifier", acting=0.0))["notifier"][0] == "fail"
    assert found(told, record("notifier", acting=1.0, age_ms=60_000))["notifier"][0] == "fail"
    assert found(told, record("notifier", acting=1.0), record("notifier", "2", acting=0.0))["notifier"][0] == "ok"
