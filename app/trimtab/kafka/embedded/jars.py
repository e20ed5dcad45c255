"""Kafka's jars: those that ``kafka.lock`` names, each with its SHA-256, downloaded once by ``jgo``.

The lock names every jar, so a start never resolves dependencies, and every machine runs the same bytes. A jar is
downloaded aside, compared with its hash, and only then moved to its place: what is in its place is whole.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from trimtab.kafka.embedded.errors import DownloadError, NotInstalledError, folder_error
from trimtab.kafka.embedded.lockfile import locked

__all__ = ["KAFKA_VERSION", "Jar", "Progress", "kafka_jars", "missing_jars", "resolve_lock"]

KAFKA_VERSION = "4.1.1"
# Kafka's own dependencies hold no bridge from SLF4J, to which it logs, to Log4j, which writes the file.
_LOG_BRIDGE = "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3"

# Called with what is being done, how much of it is done, and out of how many.
Progress = Callable[[str, int, int], None]

_AT_ONCE = 4
_ATTEMPTS = 5
_FIRST_WAIT_S = 0.5
# Longer than a slow line needs for 43 MB: what another process may take before we give up waiting for it.
_LOCK_TIMEOUT_S = 900.0


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock: a Maven coordinate ``group:artifact:version`` and the file's size and hash."""

    coordinate: str
    size_bytes: int
    sha256: str

    @property
    def file_name(self) -> str:
        """Name of the file, as Maven gives it."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def kafka_jars(cache: Path, progress: Progress) -> list[Path]:
    """All jars of Kafka, downloading those that are missing to ``cache``; offline when none is.

    Raises
    ------
    NotInstalledError
        If ``jgo`` is needed and not installed.
    DownloadError
        If a jar does not come, or comes with other content.
    DataFolderError
        If the cache cannot be written, or its disk is full.
    """
    jars = read_lock()
    folder = cache / f"kafka-{KAFKA_VERSION}"
    if missing_jars(jars, folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise folder_error(folder, error) from error
        with locked(folder / "download.lock", _LOCK_TIMEOUT_S):
            # Another process may have brought them while we waited.
            _download_all(jars, missing_jars(jars, folder), folder, progress)
    return [folder / jar.file_name for jar in jars]


def read_lock() -> list[Jar]:
    """The jars that this version of Trimtab runs."""
    text = resources.files("trimtab.kafka.embedded").joinpath("kafka.lock").read_text(encoding="ascii")
    rows = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return [Jar(coordinate, int(size), sha256) for coordinate, size, sha256 in rows]


def missing_jars(jars: Sequence[Jar], folder: Path) -> list[Jar]:
    """Those of ``jars`` that are not in ``folder`` at their size."""
    return [jar for jar in jars if _size(folder / jar.file_name) != jar.size_bytes]


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _download_all(jars: Sequence[Jar], missing: Sequence[Jar], folder: Path, progress: Progress) -> None:
    done = len(jars) - len(missing)
    progress("downloading Kafka", done, len(jars))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            for future in as_completed([pool.submit(_download, jar, folder) for jar in missing]):
                future.result()
                done += 1
                progress("downloading Kafka", done, len(jars))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _download(jar: Jar, folder: Path) -> None:
    failure: Exception | None = None
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_FIRST_WAIT_S * 2 ** (attempt - 1))
        try:
            with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as aside:
                path = _fetch(jar.coordinate, Path(aside))
                if hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256:
                    path.replace(folder / jar.file_name)
                    return
                failure = ValueError("its content differs from the release's")
        except (OSError, RuntimeError) as error:
            # requests' errors are OSErrors without a number; one with a number is the disk's.
            if isinstance(error, OSError) and error.errno is not None:
                raise folder_error(folder, error) from error
            failure = error
    raise DownloadError(
        f"{jar.file_name} could not be downloaded to {folder} ({_one_line(failure)}); check the network and proxy "
        "and start again, or copy this folder from a machine that has it"
    ) from failure


def _fetch(coordinate: str, repository: Path) -> Path:
    """Download one artifact with ``jgo`` in its pure-Python mode to a Maven repository of our own."""
    try:
        from jgo.maven import MavenContext, PythonResolver
    except ImportError as error:
        raise NotInstalledError(
            "the embedded Kafka is downloaded by package jgo, which is not installed; "
            "run pip install 'trimtab[embedded]', or set kafka.bootstrap_servers to a Kafka that runs elsewhere"
        ) from error
    context = MavenContext(repo_cache=repository, local_repos=[], resolver=PythonResolver())
    return Path(context.create_dependency(coordinate).artifact.resolve())


def _one_line(error: Exception | None) -> str:
    return " ".join(str(error).split())[:200]


def resolve_lock(version: str, repository: Path) -> str:
    """The text of ``kafka.lock`` for another Kafka, resolved by ``jgo``: for maintainers who change the version.

    Raises
    ------
    DownloadError
        If an artifact does not come.
    DataFolderError
        If ``repository`` cannot be written.
    """
    from jgo.maven import MavenContext, PythonResolver

    context = MavenContext(repo_cache=repository, local_repos=[], resolver=PythonResolver())
    inputs, others = context.resolver.resolve([context.create_dependency(f"org.apache.kafka:kafka_2.13:{version}")])
    wanted = [*inputs, *(dependency for dependency in others if dependency.scope in {"compile", "runtime"})]
    # Added by itself: resolved together, jgo would let its parent's versions override Kafka's.
    artifacts = [*(dependency.artifact for dependency in wanted), context.create_dependency(_LOG_BRIDGE).artifact]
    lines = []
    for artifact in artifacts:
        content = Path(artifact.resolve()).read_bytes()
        coordinate = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
        lines.append(f"{coordinate} {len(content)} {hashlib.sha256(content).hexdigest()}\n")
    return "# Jars of the embedded Kafka: coordinate, bytes, SHA-256. Made by jars.resolve_lock.\n" + "".join(lines)
