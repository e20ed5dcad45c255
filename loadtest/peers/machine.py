"""What the figures were measured on."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

__all__ = ["describe", "machine"]


def machine() -> dict[str, Any]:
    """This machine."""
    proc = Path("/proc")
    cpuinfo, meminfo = ((proc / name).read_text(encoding="utf-8") for name in ("cpuinfo", "meminfo"))
    return describe(cpuinfo, meminfo, len(os.sched_getaffinity(0)))


def describe(cpuinfo: str, meminfo: str, cores: int) -> dict[str, Any]:
    """Cores that may be used, name of the processor, memory in GB.

    Examples
    --------
    >>> describe("model name\\t: Fast CPU\\n", "MemTotal:  8000000 kB\\n", 2)
    {'cores': 2, 'cpu': 'Fast CPU', 'memory_gb': 8.2}
    """
    name = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+) kB$", meminfo, re.MULTILINE)
    return {
        "cores": cores,
        "cpu": name[1].strip() if name else "unknown",
        "memory_gb": round(int(memory[1]) * 1_024 / 1e9, 1) if memory else None,
    }
