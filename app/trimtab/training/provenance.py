"""Which code made a model: the user's packages module by module, their git commit, and all that is installed."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from trimtab.config import ModelConfig
from trimtab.training.factory import names_of

__all__ = ["code_of", "lock_sha256"]

# A package with more of them is told by one hash.
_MODULES = 100
_GIT_S = 5.0
# Known by their versions, which the manifest's environment has.
_KNOWN = frozenset({"river", "numpy", "trimtab"}) | sys.stdlib_module_names


def code_of(config: ModelConfig) -> dict[str, Any]:
    """The field ``code`` of a manifest, as it is when first asked for in this process.

    ``packages`` are the top-level packages of the factory and of admitted classes but for River's and Python's own;
    ``modules`` maps each module of them to the SHA-256 of its source, ``package.*`` to that of all where there are more
    than 100. ``git_commit`` and ``git_dirty`` are of the first package that is under git, None when none is.
    ``lock_sha256`` is :func:`lock_sha256`.

    Examples
    --------
    >>> from trimtab.config import FactorySpec
    >>> spec = FactorySpec.model_validate({"class": "river.linear_model:LogisticRegression"})
    >>> code = code_of(ModelConfig.model_construct(factory=spec, admit=()))
    >>> code["packages"], code["modules"], code["git_commit"]
    ([], {}, None)
    """
    names = [*(name for spec in config.factories.values() for name in names_of(spec)), *config.admit]
    packages = sorted({name.partition(":")[0].partition(".")[0] for name in names} - _KNOWN)
    return {name: value.copy() if isinstance(value, dict | list) else value for name, value in _code(*packages).items()}


@functools.cache
def lock_sha256() -> str:
    """SHA-256 of the names and versions of all installed distributions, sorted, one ``name==version`` a line."""
    installed = {f"{d.metadata['Name'].lower()}=={d.version}" for d in importlib.metadata.distributions()}
    return hashlib.sha256("\n".join(sorted(installed)).encode()).hexdigest()


@functools.cache
def _code(*packages: str) -> Mapping[str, Any]:
    folders = {package: folder for package in packages if (folder := _folder(package)) is not None}
    modules: dict[str, str] = {}
    for package, folder in folders.items():
        modules |= _modules(package, folder)
    commit, dirty = next((found for folder in folders.values() if (found := _git(folder))), (None, None))
    return {
        "packages": list(packages),
        "git_commit": commit,
        "git_dirty": dirty,
        "modules": modules,
        "lock_sha256": lock_sha256(),
    }


def _folder(package: str) -> Path | None:
    """Folder of a package, or file of a module; None for what has no source."""
    found = importlib.util.find_spec(package)
    if found is None:
        return None
    if found.submodule_search_locations:
        return Path(next(iter(found.submodule_search_locations)))
    return None if found.origin is None else Path(found.origin)


def _modules(package: str, place: Path) -> dict[str, str]:
    if place.is_file():
        return {package: _sha256([place])}
    files = sorted(place.rglob("*.py"))
    if len(files) > _MODULES:
        return {f"{package}.*": _sha256(files)}
    return {_name(package, file.relative_to(place)): _sha256([file]) for file in files}


def _name(package: str, file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join((package, *(parts[:-1] if parts[-1] == "__init__" else parts)))


def _sha256(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _git(place: Path) -> tuple[str, bool] | None:
    """Commit, and whether anything of ``place`` is not in it; None without git."""
    folder = place if place.is_dir() else place.parent
    commit = _asked(folder, "rev-parse", "HEAD")
    # An installed package may lie inside somebody's repository that has nothing to do with it.
    if commit is None or _asked(folder, "ls-files", "--error-unmatch", str(place)) is None:
        return None
    changed = _asked(folder, "status", "--porcelain", "--", str(place))
    return commit.strip(), bool(changed and changed.strip())


def _asked(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            timeout=_GIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
