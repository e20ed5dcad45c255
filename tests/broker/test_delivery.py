"""Each protocol against a server on this machine that speaks it."""

from __future__ import annotations

import email
import hashlib
import hmac
import socket
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.broker.receivers import Receiver, receiving
from tests.unit.notices.world import World, alerting
from trimtab.config import AlertingConfig
from trimtab.delivery import Undelivered, senders_of
from trimtab.notices import Notice

DASHBOARD = "http://ops.example/trimtab"
SECRET = "s3cret-path"


def notices(config: AlertingConfig) -> list[Notice]:
    """One that fires, and one that resolves all."""
    world = World(config)
    more: dict[str, Any] = {"severity": "critical", "runbook": "http://ops.example/run?a=1&b=2", "version": 3}
    world.fire(0, "income", **more)
    world.fire(0, "<age>", version=3)
    world.run(0, 40)
    world.resolve(50, "income", "<age>", version=3)
    world.run(50, 400)
    return [notice for _, notice in world.arrived]


def sent(protocol: str, receiver: Receiver, **target: Any) -> AlertingConfig:
    """Send both notices to the receiver."""
    config = alerting(receivers={"ops": {protocol: {"url": receiver.url, **target}}}, dashboard=DASHBOARD)
    [sender] = senders_of(config).values()
    for notice in notices(config):
        sender.send(notice)
    return config


def test_alertmanager() -> None:
    with receiving() as receiver:
        sent("alertmanager", receiver, bearer_token="t0ken")
    firing, resolved = receiver.requests
    assert (firing.path, firing.headers["content-type"]) == ("/api/v2/alerts", "application/json")
    assert firing.headers["authorization"] == "Bearer t0ken"
    first = firing.json[0]
    assert first["labels"] == {
        "alertname": "TrimtabDrift",
        "model": "credit",
        "kind": "drift",
        "feature": "income",
        "severity": "critical",
    }
    assert set(first) == {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}
    assert first["annotations"]["incident"] == "income"
    assert first["generatorURL"] == f"{DASHBOARD}/incidents/income"
    assert first["endsAt"] > "1970-01-01T04:00"
    assert [one["labels"] for one in resolved.json] == [one["labels"] for one in firing.json]
    assert resolved.json[0]["endsAt"] == "1970-01-01T00:00:50.000Z"


def test_slack() -> None:
    with receiving() as receiver:
        sent("slack", receiver)
    firing, resolved = (request.json for request in receiver.requests)
    assert firing["text"] == "[FIRING:2] model=credit"
    text = firing["attachments"][0]["text"]
    assert "&lt;age&gt; firing" in text
    assert "<http://ops.example/run?a=1&amp;b=2|runbook>" in text
    assert text.index("income") < text.index("age"), "the worst is not first"
    assert resolved["text"] == "[RESOLVED] model=credit"


def test_pagerduty() -> None:
    with receiving() as receiver:
        sent("pagerduty", receiver, routing_key="r0uting")
    firing, resolved = receiver.requests
    assert firing.path == "/v2/enqueue"
    event = firing.json
    assert (event["event_action"], event["routing_key"]) == ("trigger", "r0uting")
    assert event["payload"]["severity"] == "critical"
    assert event["payload"]["source"] == "credit"
    assert resolved.json == {
        "routing_key": "r0uting",
        "event_action": "resolve",
        "dedup_key": event["dedup_key"],
    }


def test_webhook_is_signed_and_has_a_key_of_its_own() -> None:
    with receiving() as receiver:
        sent("webhook", receiver, secret="k3y")
    firing, resolved = receiver.requests
    signed = firing.headers["trimtab-timestamp"].encode() + b"." + firing.body
    wanted = "v1=" + hmac.new(b"k3y", signed, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(firing.headers["trimtab-signature"], wanted)
    assert firing.headers["idempotency-key"] == firing.json["id"] != resolved.json["id"]
    assert [alert["incident"] for alert in firing.json["alerts"]] == ["income", "<age>"]
    assert (firing.json["reason"], resolved.json["reason"]) == ("firing", "resolved")


@pytest.mark.parametrize(
    ("status", "headers", "final", "after_ms"),
    [
        (500, {}, False, None),
        (503, {"Retry-After": "7"}, False, 7_000),
        (429, {"Retry-After": "soon"}, False, None),
        (400, {}, True, None),
        (302, {"Location": "http://127.0.0.1:1/"}, True, None),
    ],
)
def test_what_an_answer_means(status: int, headers: dict[str, str], final: bool, after_ms: int | None) -> None:
    with receiving() as receiver:
        receiver.answers = [(status, headers, b"no \xff way")]
        url = f"{receiver.url}/{SECRET}"
        config = alerting(receivers={"ops": {"webhook": {"url": url}}})
        with pytest.raises(Undelivered) as caught:
            senders_of(config)["ops/webhook"].send(notices(config)[0])
    assert (caught.value.final, caught.value.after_ms) == (final, after_ms)
    assert str(status) in str(caught.value)
    assert SECRET not in str(caught.value)


def test_nobody_answers() -> None:
    with receiving() as receiver:
        url = f"{receiver.url}/{SECRET}"
    config = alerting(receivers={"ops": {"slack": {"url": url}}})
    with pytest.raises(Undelivered, match="cannot be reached") as caught:
        senders_of(config)["ops/slack"].send(notices(config)[0])
    assert not caught.value.final
    assert SECRET not in str(caught.value)


class Mailbox:
    """An SMTP server's handler."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.answer = "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answer.startswith("250"):
            self.mails.append(email.message_from_bytes(envelope.content, policy=default))
        return self.answer


def mailed(mailbox: Mailbox, **target: Any) -> list[Notice]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        spec = {"host": "127.0.0.1", "port": port, "security": "none", "from": "trimtab@ops.example", **target}
        config = alerting(receivers={"ops": {"email": {"to": ["ada@ops.example"], **spec}}}, dashboard=DASHBOARD)
        made = notices(config)
        for notice in made:
            senders_of(config)["ops/email"].send(notice)
        return made
    finally:
        controller.stop()


def test_email() -> None:
    mailbox = Mailbox()
    firing, resolved = mailed(mailbox)
    first, second = mailbox.mails
    assert first["Subject"] == "[FIRING:2] model=credit"
    assert (first["Message-ID"], second["Message-ID"]) == (f"<{firing.id}@trimtab>", f"<{resolved.id}@trimtab>")
    assert first["References"] == second["References"]
    assert "- income firing" in first.get_body(("plain",)).get_content()
    assert "&lt;age&gt; firing" in first.get_body(("html",)).get_content()
    assert second["Subject"] == "[RESOLVED] model=credit"


@pytest.mark.parametrize(("answer", "final"), [("554 spam", True), ("451 later", False)])
def test_a_mail_server_refuses(answer: str, final: bool) -> None:
    mailbox = Mailbox()
    mailbox.answer = answer
    with pytest.raises(Undelivered, match=answer[:3]) as caught:
        mailed(mailbox)
    assert caught.value.final is final


def test_a_mail_server_without_encryption_is_not_told_in_clear() -> None:
    with pytest.raises(Undelivered, match="STARTTLS") as caught:
        mailed(Mailbox(), security="starttls")
    assert caught.value.final
