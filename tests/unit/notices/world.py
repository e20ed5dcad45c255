"""A notifier without Kafka: alerts, silences and time go in, and what a receiver has been told comes out."""

from __future__ import annotations

from typing import Any

from trimtab.config import AlertingConfig, Matcher
from trimtab.notices import Ack, Book, Desk, Notice, Silence

S = 1_000
BASIC: dict[str, Any] = {
    "receivers": {"ops": {"webhook": {"url": "http://127.0.0.1:1"}}},
    "route": {"receiver": "ops", "group_wait": "30s", "group_interval": "5m", "repeat_interval": "4h"},
}


def alerting(**changes: Any) -> AlertingConfig:
    """The basic configuration; ``route`` is merged into it, everything else replaces it."""
    wire = {**BASIC, **changes}
    wire["route"] = {**BASIC["route"], **changes.get("route", {})}
    return AlertingConfig.model_validate(wire)


def record(
    incident: str, state: str = "firing", *, model: str = "credit", at_s: float = 0, **more: Any
) -> dict[str, Any]:
    """An alert record; the incident's name before a colon is its feature."""
    return {
        "fingerprint": incident.partition(":")[0],
        "incident": incident,
        "state": state,
        "model": model,
        "kind": "drift",
        "feature": incident.partition(":")[0],
        "segment": "",
        "detector": None,
        "severity": "warning",
        "summary": f"{incident} {state}",
        "raised_ms": int(at_s * S),
        "evidence": {},
        **more,
    }


class World:
    """One desk, restarted from its records whenever asked; every notice arrives unless told otherwise."""

    def __init__(self, config: AlertingConfig | None = None) -> None:
        self.config = config or alerting()
        self.stored: dict[str, dict[str, Any] | None] = {}
        self.silences: dict[str, Silence] = {}
        self.acks: dict[str, Ack] = {}
        self.arrived: list[tuple[float, Notice]] = []
        self.desk = Desk(self.config, Book())
        self._book = self.desk._book

    def restart(self, config: AlertingConfig | None = None) -> None:
        """A crash after the last commit: what was stored is all that is left."""
        self.commit()
        self.config = config or self.config
        self._book = Book(self.stored)
        self.desk = Desk(self.config, self._book)
        for id, silence in self.silences.items():
            self.desk.silence(silence, id)
        for incident, ack in self.acks.items():
            self.desk.ack(ack, incident)

    def commit(self) -> None:
        self.stored.update(self._book.take())

    def fire(self, at_s: float, *incidents: str, **more: Any) -> None:
        for incident in incidents:
            self.desk.alert(record(incident, at_s=at_s, **more), int(at_s * S))

    def resolve(self, at_s: float, *incidents: str, **more: Any) -> None:
        for incident in incidents:
            self.desk.alert(record(incident, "resolved", at_s=at_s, **more), int(at_s * S))

    def silence(self, from_s: float, until_s: float, *matchers: str, id: str = "s") -> None:
        made = Silence(id, tuple(map(Matcher.parse, matchers)), int(from_s * S), int(until_s * S), "ada", "")
        self.silences[id] = made
        self.desk.silence(made, id)

    def ack(self, incident: str, until_s: float | None = None) -> None:
        made = Ack(incident, "credit", None if until_s is None else int(until_s * S), "ada", "")
        self.acks[incident] = made
        self.desk.ack(made, incident)

    def run(self, from_s: float, until_s: float, step_s: float = 1) -> None:
        """Let time pass, ends included."""
        at_s = from_s
        while at_s <= until_s:
            now_ms = int(at_s * S)
            self.desk.tick(now_ms)
            for notice in self.desk.ready(now_ms):
                self.arrived.append((at_s, self.desk.sent(notice.id)))
            at_s += step_s

    def told(self) -> list[tuple[float, str, str]]:
        """When, why, and what: firing incidents, resolved ones in brackets."""
        return [(at_s, notice.reason, said(notice)) for at_s, notice in self.arrived]


def said(notice: Notice) -> str:
    """Incidents of a notice, in its order."""
    return " ".join(
        alert["incident"] if alert["state"] == "firing" else f"({alert['incident']})" for alert in notice.alerts
    )
