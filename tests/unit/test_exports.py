"""Every name that a module exports exists."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import pytest

import trimtab

MODULES = sorted(m.name for m in pkgutil.walk_packages(trimtab.__path__, "trimtab.") if m.name != "trimtab.__main__")


@pytest.mark.parametrize("name", ["trimtab", *MODULES])
def test_exports_resolve(name: str) -> None:
    module = import_module(name)
    exported = getattr(module, "__all__", [])
    assert len(set(exported)) == len(exported)
    assert [export for export in exported if not hasattr(module, export)] == []


def test_public_names() -> None:
    assert set(trimtab.__all__) == {"ModelFollower", "Producer", "__version__"}
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = trimtab.Nothing
