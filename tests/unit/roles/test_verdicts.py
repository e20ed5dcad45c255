"""What the verdicts say beside the windows: of versions that are served too long."""

from __future__ import annotations

import orjson

from trimtab.config import ModelConfig
from trimtab.drift import Nulls
from trimtab.events import decode, encode
from trimtab.roles.verdicts import Verdicts
from trimtab.windows import Champion, Stale

MODEL = ModelConfig.model_validate(
    {
        "task": "binary",
        "features": {"x": {"type": "numeric"}},
        "factory": {"class": "river.linear_model:LogisticRegression"},
    }
)


def verdicts(state: object = None) -> Verdicts:
    wire = {} if state is None else orjson.loads(orjson.dumps(state))
    return Verdicts("credit", MODEL, Nulls(10), wire)


def test_a_stale_version_fires_at_once_and_is_resolved_by_a_successor() -> None:
    champion = Champion(7, 1_000_000)
    first = verdicts()
    [firing] = first.stale(Stale(True, 6, champion, 1_900_000, 600_000), 1_900_500)
    assert (firing["kind"], firing["state"], firing["version"], firing["feature"]) == ("stale", "firing", 6, None)
    assert firing["summary"] == "credit@6 is still served 900 s after credit@7 became champion (limit 600 s)."
    assert firing["evidence"]["statistics"]["champion_since_s"] == 1_000
    assert decode("alert", encode("alert", firing)) == firing
    assert first.stale(Stale(True, 6, champion, 2_000_000, 600_000), 2_000_500) == []
    second = verdicts(first.snapshot())
    [resolved] = second.stale(Stale(False, 6, champion, 2_600_000, 600_000), 2_600_500)
    assert resolved["state"] == "resolved"
    assert resolved["incident"] == firing["incident"]
    assert resolved["summary"] == "credit@6 is no longer served in place of credit@7."
