"""Role processes under measurement, and what the kernel says that a process costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Self

__all__ = ["Role", "cpu_s", "peak_rss_mb", "rss_mb"]


class Role:
    """One role process of Trimtab, ended when the block ends.

    Parameters
    ----------
    role
        ``collector``, ``monitor`` or ``trainer``.
    config
        Its configuration file; the log lies beside it.
    instance
        Its name among processes of the same role.
    """

    def __init__(self, role: str, config: Path, instance: str = "0") -> None:
        self.name = f"{role}-{instance}"
        self.log = config.with_name(f"{config.stem}-{self.name}.log")
        command = [sys.executable, "-m", "trimtab", "run", role, "--config", str(config), "--instance", instance]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def check(self) -> None:
        """Raise SystemExit when the process has ended."""
        if self.process.poll() is not None:
            raise SystemExit(f"loadtest: {self.name} ended with code {self.process.returncode}:\n{self.log_tail}")

    @property
    def log_tail(self) -> str:
        """The last lines of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-2_000:]

    @property
    def cpu_s(self) -> float:
        """User and system time so far, in seconds."""
        return cpu_s(self.process.pid)

    @property
    def rss_mb(self) -> float:
        """Resident memory now, in megabytes."""
        return rss_mb(self.process.pid)

    @property
    def peak_rss_mb(self) -> float:
        """Largest resident memory so far, in megabytes."""
        return peak_rss_mb(self.process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def cpu_s(pid: int) -> float:
    """User and system time of a process and its threads, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


def rss_mb(pid: int) -> float:
    """Resident memory of a process, in megabytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak_rss_mb(pid: int) -> float:
    """Largest resident memory that a process ever had, in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kib) * 1_024 / 1e6
