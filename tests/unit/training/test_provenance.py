"""Which code made a model."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trimtab.config import FactorySpec, ModelConfig
from trimtab.training import provenance


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "userpackage"
    (folder / "inner").mkdir(parents=True)
    for name in ("__init__", "models", "inner/__init__", "inner/deep"):
        (folder / f"{name}.py").write_text(f"# {name}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    provenance._code.cache_clear()
    return folder


def code(*names: str, admit: tuple[str, ...] = ()) -> dict[str, Any]:
    provenance._code.cache_clear()
    spec = FactorySpec.model_validate({"pipeline": [{"class": name} for name in names]})
    features = {"x": {"type": "numeric"}}
    given = {"task": "binary", "features": features, "factory": spec, "admit": list(admit)}
    return provenance.code_of(ModelConfig.model_validate(given))


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


def test_every_module_of_the_users_package_is_hashed(package: Path) -> None:
    found = code("river.preprocessing:StandardScaler", "userpackage.models:Mine")
    assert found["packages"] == ["userpackage"]
    assert set(found["modules"]) == {"userpackage", "userpackage.models", "userpackage.inner", "userpackage.inner.deep"}
    assert found["modules"]["userpackage.models"] == hashlib.sha256(b"# models\n").hexdigest()
    assert (found["git_commit"], found["git_dirty"]) == (None, None)


def test_admitted_classes_count_and_a_single_file_does(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (package.parent / "lonely.py").write_text("x = 1\n", encoding="utf-8")
    found = code("river.linear_model:LogisticRegression", admit=("lonely:Thing",))
    assert found["modules"] == {"lonely": hashlib.sha256(b"x = 1\n").hexdigest()}


def test_a_large_package_has_one_hash(package: Path) -> None:
    for number in range(101):
        (package / f"part{number}.py").write_text(f"{number}\n", encoding="utf-8")
    before = code("userpackage.models:Mine")["modules"]
    assert list(before) == ["userpackage.*"]
    (package / "part7.py").write_text("other\n", encoding="utf-8")
    assert code("userpackage.models:Mine")["modules"] != before


def test_the_commit_and_what_is_not_in_it(package: Path) -> None:
    git(package.parent, "init", "-q")
    assert code("userpackage.models:Mine")["git_commit"] is None
    git(package.parent, "add", ".")
    git(package.parent, "commit", "-qm", "one")
    (package.parent / "elsewhere.txt").write_text("not of the package", encoding="utf-8")
    clean = code("userpackage.models:Mine")
    assert (len(clean["git_commit"]), clean["git_dirty"]) == (40, False)
    (package / "models.py").write_text("changed\n", encoding="utf-8")
    assert code("userpackage.models:Mine")["git_dirty"] is True


def test_what_is_installed_has_one_hash() -> None:
    assert len(provenance.lock_sha256()) == 64
    assert "json" not in code("json:JSONDecoder")["packages"]
    assert "json" in sys.stdlib_module_names


def test_a_package_that_is_not_there_has_no_modules() -> None:
    assert code("nowhere.models:Mine")["modules"] == {}
