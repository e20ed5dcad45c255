"""The backoff of dead processes, and the last line of a log."""

from pathlib import Path

import pytest

from trimtab.config import Config, KafkaConfig
from trimtab.errors import ConfigError
from trimtab.kafka.embedded.found import with_bootstrap
from trimtab.roles.supervisor import Backoff, _alone, last_line


def test_waits_double_up_to_the_limit() -> None:
    backoff = Backoff()
    assert [backoff.after(0.1) for _ in range(7)] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_a_healthy_life_starts_afresh() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.after(29.9)
    assert backoff.after(30.0) == 0.2


def test_many_deaths_do_not_overflow() -> None:
    assert Backoff(deaths=100_000).after(0.0) == 5.0


def test_the_last_line_of_a_log(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    assert last_line(path) == ""
    path.write_text("x" * 9_000 + "\ntrimtab: error: no broker\n\n", encoding="utf-8")
    assert last_line(path) == "trimtab: error: no broker"


def test_bootstrap_servers_are_filled_in() -> None:
    factory = {"class": "river.linear_model:LinearRegression"}
    model = {"task": "regression", "features": {"x": {"type": "numeric"}}, "factory": factory}
    config = Config.model_validate({"models": {"m": model}})
    assert with_bootstrap(config, "h:1").kafka == KafkaConfig(bootstrap_servers="h:1")
    assert config.kafka.bootstrap_servers is None


def test_two_of_one_folder_and_prefix_would_fight(tmp_path: Path) -> None:
    factory = {"class": "river.linear_model:LinearRegression"}
    model = {"task": "regression", "features": {"x": {"type": "numeric"}}, "factory": factory}
    one = Config.model_validate({"data_dir": str(tmp_path), "models": {"m": model}})
    other = Config.model_validate({"data_dir": str(tmp_path), "kafka": {"topic_prefix": "b."}, "models": {"m": model}})
    refused = pytest.raises(ConfigError, match="another trimtab up runs with this folder")
    with _alone(one), _alone(other), refused, _alone(one):
        pytest.fail("two at once")
    with _alone(one):
        pass
