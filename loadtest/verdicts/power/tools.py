"""The tools that are compared: which script scores for them, on how many streams, and where their own limit lies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["OURS", "SCRIPTS", "TOOLS", "Script", "Tool"]


class Script(NamedTuple):
    """One process, which may score for several tools.

    Parameters
    ----------
    module
        What is run.
    requirements
        Name of its requirements file; None: this environment.
    streams
        Against each reference; fewer where an event costs much.
    """

    module: str
    requirements: str | None
    streams: int


SCRIPTS: Mapping[str, Script] = {
    "alibi": Script("loadtest.peers.scripts.power_alibi", "alibi", 2),
    "kswin": Script("loadtest.peers.scripts.power_kswin", "river", 4),
    "trimtab_hop": Script("loadtest.verdicts.power.hopping", None, 20),
    "trimtab": Script("loadtest.verdicts.power.trimtab", None, 40),
    "nannyml": Script("loadtest.peers.scripts.power_nannyml", "nannyml", 30),
    "evidently": Script("loadtest.peers.scripts.power_evidently", "evidently", 30),
    "adwin": Script("loadtest.peers.scripts.power_adwin", "river", 15),
}
"""Those that take longest first."""


class Tool(NamedTuple):
    """One line of the comparison.

    Parameters
    ----------
    variant
        Of the script's scores.
    limit
        What scores must reach by the tool's own defaults; None where it has none.
    own
        The variant that is held against the limit, when it is another one.
    """

    script: str
    variant: str
    limit: float | None
    own: str | None = None


TOOLS: Mapping[str, Tool] = {
    "Trimtab": Tool("trimtab", "window", 0.5, "own"),
    "Trimtab, hop of 100": Tool("trimtab_hop", "hop", None),
    "Evidently": Tool("evidently", "default", 1.0),
    "Evidently, PSI": Tool("evidently", "psi", 1.0),
    "NannyML, JS": Tool("nannyml", "js", 3.0),
    "NannyML, KS": Tool("nannyml", "ks", 3.0),
    "NannyML, PCA": Tool("nannyml", "pca", 3.0),
    "alibi-detect, CvM online": Tool("alibi", "cvm", None),
    "river, ADWIN": Tool("adwin", "adwin", -math.log10(0.002) - 1e-9),
    "river, KSWIN": Tool("kswin", "kswin", -math.log10(0.005)),
}
OURS = ("Trimtab", "Trimtab, hop of 100")
