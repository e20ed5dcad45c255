"""``python -m loadtest.verdicts.parity``: Trimtab's statistics beside Evidently's and NannyML's, where defined alike.

On 200 cases each of categories and of numbers. The numbers lie in the middle of Trimtab's cells, so that both see the
same; what cells cost otherwise is stated with each statistic.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from loadtest.peers.environments import Environments, cache_folder
from trimtab.drift import Kind, statistics
from trimtab.drift.tables import table
from trimtab.profiles import CategoricalProfile, Frame, NumericProfile

__all__ = ["cases", "main", "ours"]

_ROOT = Path(__file__).parents[2]
CASES = 200
MOST = 1e-9


def cases(count: int) -> dict[str, Any]:
    """Values by ``NAME/SIDE``; names begin with ``c`` where they are codes of categories."""
    draw = np.random.default_rng(2026)
    found: dict[str, Any] = {}
    for case in range(count):
        width, n = int(draw.integers(1, 30)), int(draw.integers(40, 2_000))
        m = int(draw.integers(20, n))
        shares = draw.dirichlet(np.ones(width)), draw.dirichlet(np.ones(width))
        for side, size, p in zip(("before", "after"), (n, m), shares, strict=True):
            found[f"c{case}/{side}"] = draw.choice(width, size=size, p=p).astype(np.float64)
        before = draw.normal(size=n) if case % 2 else draw.gamma(2.0, size=n)
        after = draw.choice(before, m) * draw.uniform(0.7, 1.4) + draw.uniform(-0.5, 0.5)
        frame = Frame.of(before)
        both = table("cells", NumericProfile.of(before, frame), NumericProfile.of(after, frame))
        # Back to the feature's own unit, in the order of the cells.
        places = frame.center + frame.scale * both.at
        found[f"n{case}/before"] = np.repeat(places, both.expected.astype(int))
        found[f"n{case}/after"] = np.repeat(places, both.found.astype(int))
        found[f"n{case}/frame"] = np.array([frame.center, frame.scale])
    return found


def ours(found: dict[str, Any]) -> dict[str, float]:
    """Trimtab's values by ``NAME/STATISTIC``."""
    values: dict[str, float] = {}
    for name in sorted({key.split("/")[0] for key in found}):
        sides = [found[f"{name}/{side}"] for side in ("before", "after")]
        profiles: list[Any]
        kind: Kind = "categorical" if name.startswith("c") else "numeric"
        if kind == "categorical":
            profiles = [CategoricalProfile.of([f"k{v:.0f}" for v in side]) for side in sides]
        else:
            frame = Frame(*found[f"{name}/frame"].tolist())
            profiles = [NumericProfile.of(side, frame) for side in sides]
        values |= {f"{name}/{s.name}": s.function(*profiles).value for s in statistics(kind)}
    return values


def main() -> int:
    """Compare; 1 when a difference is larger than it may be."""
    environments = Environments(cache_folder(os.environ, Path.home()), print)
    worst = 0.0
    with tempfile.TemporaryDirectory(prefix="trimtab-parity-") as folder:
        made = cases(CASES)
        np.savez(Path(folder) / "cases.npz", **made)
        own = ours(made)
        for tool in ("evidently", "nannyml"):
            out = Path(folder) / f"{tool}.npz"
            command = [str(environments.python(tool)), "-m", "loadtest.peers.scripts.parity", tool]
            subprocess.run(
                [*command, str(Path(folder) / "cases.npz"), str(out)],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(_ROOT), "PYTHONWARNINGS": "ignore"},
                check=True,
            )
            with np.load(out) as theirs:
                for statistic in sorted({key.split("/")[1] for key in theirs}):
                    names = [key for key in theirs if key.split("/")[1] == statistic]
                    apart = max(abs(own[key] - float(theirs[key])) for key in names)
                    worst = max(worst, apart)
                    print(f"{tool}: {statistic}: {len(names)} cases, at most {apart:.1g} apart")
    return int(worst > MOST)


if __name__ == "__main__":
    raise SystemExit(main())
