"""What pip is asked for, and what is said when it cannot be had."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

import trimtab
from trimtab.errors import ConfigError
from trimtab.verification.environment import build_environment, requirements_of


def test_this_trimtab_comes_from_where_it_was_installed() -> None:
    found = requirements_of({"python": "3.11.7", "numpy": "1.0", "trimtab": trimtab.__version__, "factory": "ab"})
    assert found[0] == "numpy==1.0"
    assert found[1] == f"trimtab=={trimtab.__version__}" or Path(found[1]).is_dir()
    assert len(found) == 2


def test_a_python_that_is_not_here_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"Python 3\.4\.99, .* is not here \(this is {platform.python_version()}\)"):
        build_environment(tmp_path / "env", {"python": "3.4.99"}, print)
