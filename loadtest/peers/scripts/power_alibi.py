"""alibi-detect: Cramér-von Mises online, the larger statistic of its two windows.

It compares each event's windows with each reference value, so it gets the last 500 of the reference. The threshold that
it would simulate for an expected run time is one number after the first windows: the score needs none.
"""

# mypy: disable-error-code="import-not-found, import-untyped"
from __future__ import annotations

from typing import Any

import numpy as np
from alibi_detect.cd import CVMDriftOnline

from loadtest.peers.scripts.power_task import BLOCK, WARM_UP, blocks, write

_REFERENCE = 500
_WINDOWS = [25, 100]


def detector(reference: Any) -> Any:
    """One that is ready to score; its thresholds are of few simulations, and not used."""
    return CVMDriftOnline(reference, ert=1_000, window_sizes=_WINDOWS, n_bootstraps=2_000, n_features=1, verbose=False)


def scored(reference: Any, streams: Any) -> Any:
    """Largest statistic of each block, shape ``(streams, blocks, columns)``.

    Parameters
    ----------
    streams
        Shape ``(streams, events, columns)``.
    """
    made = detector(reference[:, :1])
    # Columns do not touch each other: the detector of one simulates its thresholds, which are not used, in seconds.
    made.n_features = reference.shape[1]
    made.x_ref = reference
    made._configure_ref()
    found = []
    for stream in streams:
        made.reset_state()
        values = np.array([made.score(event).max(axis=0) for event in stream])[WARM_UP:]
        found.append(values.reshape(-1, BLOCK, reference.shape[1]).max(axis=1))
    return np.array(found)


def main() -> None:
    """Score every block; categories are not continuous, and correlated columns change only together."""
    for number, data in blocks():
        wanted = [
            key
            for key in data
            if not key.startswith(("ref/", "correlation")) and not key.rsplit("/", 1)[1].startswith("c")
        ]
        reference = np.stack([data[f"ref/{key.rsplit('/', 1)[1].rstrip('!')}"][-_REFERENCE:] for key in wanted], axis=1)
        found = scored(reference, np.stack([data[key] for key in wanted], axis=2))
        write("alibi", number, {f"cvm|{key}": found[:, :, at] for at, key in enumerate(wanted)})


if __name__ == "__main__":
    main()
