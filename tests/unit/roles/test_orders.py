"""Orders that are signed, forged, and by whom a winner may be approved."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.unit.training.worlds import configured, turning
from trimtab.config import Config, KafkaConfig
from trimtab.errors import ConfigError
from trimtab.events import EventError, Reason
from trimtab.registry.keys import Key
from trimtab.registry.signing import Signer, Trust
from trimtab.roles.orders import Found, decide, order_of
from trimtab.training import Note, Trainer

ADA, BOB = Key("ada", "hmac", bytes(range(32))), Key("bob", "hmac", bytes(range(1, 33)))
TRUST = Trust({"ada": ADA, "bob": BOB})
GATES = '    triggers: {every_examples: 500}\n    gates: {promotion: approve, approvers: ["ada"]}\n'


def order(key: Key | None, **changes: Any) -> bytes:
    record = {"id": "o1", "model": "m", "command": "approve", "version": 2, "actor": "ada", "time_ms": 0}
    signed = record if key is None else Signer(key).signed("commands", "m", record)
    return orjson.dumps({**signed, **changes})


def config() -> Config:
    return Config.model_construct(kafka=KafkaConfig(), models={"m": configured()})


def test_a_signature_that_fits_names_who_ordered() -> None:
    assert order_of(order(ADA), config(), TRUST).order.signed_by == "ada"
    assert order_of(order(None), config(), TRUST).order.signed_by == ""
    assert order_of(order(Key("eve", "hmac", bytes(32))), config(), TRUST).order.signed_by == ""


@pytest.mark.parametrize(
    "changes", [{"version": 3}, {"actor": "eve"}, {"signature": {"key_id": "ada"}}, {"signature": 3}]
)
def test_a_signature_that_does_not_fit_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(EventError) as caught:
        order_of(order(ADA, **changes), config(), TRUST)
    assert caught.value.reason == Reason.UNTRUSTED


@pytest.mark.parametrize(("key", "said"), [(None, "it is not signed"), (BOB, "it is signed by bob"), (ADA, "")])
def test_only_an_approver_approves(key: Key | None, said: str) -> None:
    model = configured(candidates="[reset]")
    spec = model.model_copy(
        update={
            "gates": model.gates.model_copy(update={"promotion": "approve", "approvers": ("ada",)}),
            "triggers": model.triggers.model_copy(update={"every_examples": 500}),
        }
    )
    trainer = Trainer("m", spec)
    for batch in turning(1_700, 520):
        trainer.on_batch(batch)
        if trainer.state.proposal is not None:
            break
    first = decide(trainer, order_of(order(key), config(), TRUST).order, Found())[0]
    if said:
        assert isinstance(first, Note)
        assert str(first.details["reason"]).startswith(said)
        assert trainer.state.proposal is not None
    else:
        assert not isinstance(first, Note)
        assert getattr(first, "details", {})["signed_by"] == "ada"
        assert trainer.state.proposal is None


def test_an_approver_must_have_a_key() -> None:
    with pytest.raises(ConfigError, match=r"gates\.approvers: 'ada' is no key in registry\.keys; there are: none"):
        configured(GATES)
