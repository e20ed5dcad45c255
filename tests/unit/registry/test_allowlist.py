"""The list names what exists in the locked River, and nothing on it was let in by accident."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest

from trimtab.registry.allowlist import ADMITTED, BOUND_METHODS, REVIEWED_FUNCTIONS, STAND_IN_NAMES
from trimtab.registry.stand_ins import STAND_INS

MODULES_OF_PYTHON = {"builtins", "collections", "copy", "datetime", "functools", "random", "statistics"}


def resolve(module: str, name: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize(("module", "name"), sorted(ADMITTED))
def test_every_name_is_a_class_or_a_reviewed_function(module: str, name: str) -> None:
    found = resolve(module, name)
    if (module, name) in REVIEWED_FUNCTIONS:
        assert callable(found)
        assert not inspect.isclass(found)
    else:
        assert inspect.isclass(found)
        assert "." not in name


@pytest.mark.parametrize(("module", "name"), sorted(ADMITTED))
def test_every_name_is_where_it_was_defined(module: str, name: str) -> None:
    """A name that a module merely imports would be a way round the review of its home."""
    found = resolve(module, name)
    if module.startswith("river._river_rust"):
        return  # Native functions and classes do not all tell their module.
    assert found.__module__ == module
    assert found.__qualname__ == name


def test_the_functions_are_few() -> None:
    assert len(REVIEWED_FUNCTIONS) <= 12
    assert len(STAND_IN_NAMES) <= 4
    assert REVIEWED_FUNCTIONS <= ADMITTED


def test_only_river_plain_python_and_one_class_of_ours() -> None:
    ours = {(module, name) for module, name in ADMITTED if module.startswith("trimtab")}
    assert ours == {("trimtab.training.calibrated", "Calibrated")}
    for module, _ in ADMITTED - ours:
        assert module in MODULES_OF_PYTHON or module.startswith("river.")
        assert not module.startswith("river.datasets")


def test_no_dangerous_builtin() -> None:
    plain = {name for module, name in ADMITTED if module == "builtins"}
    assert plain == {"bool", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple"}
    assert not STAND_IN_NAMES & ADMITTED


def test_every_stand_in_is_listed() -> None:
    assert set(STAND_INS) == STAND_IN_NAMES
    for module, name in STAND_IN_NAMES:
        assert STAND_INS[module, name] is not resolve(module, name)


@pytest.mark.parametrize(("module", "cls", "method"), sorted(BOUND_METHODS))
def test_every_bound_method_exists(module: str, cls: str, method: str) -> None:
    assert (module, cls) in ADMITTED
    assert callable(getattr(resolve(module, cls), method))
