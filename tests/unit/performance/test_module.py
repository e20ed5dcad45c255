import doctest
import importlib
import pkgutil

import pytest

import trimtab.performance

MODULES = [f"trimtab.performance.{m.name}" for m in pkgutil.iter_modules(trimtab.performance.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_everything_promised_is_exported() -> None:
    assert all(hasattr(trimtab.performance, name) for name in trimtab.performance.__all__)
