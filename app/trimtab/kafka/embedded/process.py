"""Start a process that outlives us, tell it from a later one with the same pid, and end it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from trimtab.kafka.embedded.errors import BrokerError

__all__ = ["end", "identity", "spawn"]

_POLL_S = 0.02
# How long the system may take to clear away a killed process, in seconds.
_KILL_S = 10.0


def identity(pid: int) -> str | None:
    """The birth mark of process ``pid``; ``None`` when it does not run.

    Pids are reused, after a reboot quickly. A pid with its start time (and on Linux, where that is counted
    from boot, the boot's id) is not. A zombie has ended and only waits for its parent: it does not run.
    """
    if Path("/proc/self/stat").exists():
        return _linux_identity(pid)
    columns = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    return " ".join(columns[1:]) if columns and not columns[0].startswith("Z") else None


def _linux_identity(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the command in brackets and may hold anything; count from its end.
    state, *others = stat.rpartition(")")[2].split()
    # A zombie that still counts other threads has not closed its files and ports yet: it is not gone.
    ended = state in "ZX" and int(others[16]) <= 1
    return None if ended else f"{boot}:{others[18]}"


def spawn(command: Sequence[str | Path], *, cwd: Path, output: Path, env: Mapping[str, str]) -> int:
    """Run ``command`` detached, with ``output`` overwritten by what it prints; return its pid.

    A shell starts it in the background and leaves at once, in a session of its own: so it is nobody's child,
    gets no Ctrl-C of ours, and leaves no zombie with us.

    Raises
    ------
    OSError
        If the shell cannot be started.
    """
    script = 'out=$1; shift; "$@" >"$out" 2>&1 </dev/null & echo $!'
    shell = subprocess.run(
        ["/bin/sh", "-c", script, "sh", str(output), *map(str, command)],
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        check=True,
        start_new_session=True,
    )
    return int(shell.stdout)


def end(pid: int, mark: str, timeout_s: float) -> None:
    """End process ``pid`` if it is the one with this birth mark: SIGTERM, and SIGKILL after ``timeout_s`` seconds.

    Raises
    ------
    BrokerError
        If the process belongs to another user or survives SIGKILL.
    """
    if _signal(pid, mark, signal.SIGTERM) and not _gone(pid, mark, timeout_s):
        _signal(pid, mark, signal.SIGKILL)
        if not _gone(pid, mark, _KILL_S):
            raise BrokerError(
                f"process {pid} does not end, even on SIGKILL; look at it with ps and restart the machine"
            )


def _signal(pid: int, mark: str, number: signal.Signals) -> bool:
    if identity(pid) != mark:
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError as error:
        raise BrokerError(f"process {pid} (the broker) belongs to another user; stop it as that user") from error
    return True


def _gone(pid: int, mark: str, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while identity(pid) == mark:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
