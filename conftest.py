"""Options of the whole test run."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Pytest reads options of the root folder's conftest only."""
    parser.addoption(
        "--chaos-rounds", type=int, default=1, help="rounds of tests/chaos; the round's number is its seed"
    )
