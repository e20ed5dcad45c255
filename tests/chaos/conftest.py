"""Rounds of chaos, on the broker of tests/broker."""

from __future__ import annotations

import pytest

from tests.broker.conftest import broker, kafka

__all__ = ["broker", "kafka"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "chaos_seed" in metafunc.fixturenames:
        metafunc.parametrize("chaos_seed", range(metafunc.config.getoption("--chaos-rounds")))
