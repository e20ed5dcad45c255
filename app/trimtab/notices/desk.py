"""Decides who is told what, and when: Alertmanager's semantics, pure; time is passed in.

::

    alert fires ──► group of its route ──group_wait──► notice ──group_interval──► notice of what changed
                                                          └──────repeat_interval──► the same again

=====================  ==========================================================================================
at a group's look      what is told
=====================  ==========================================================================================
one fires newly        a notice with all that fire: ``firing`` when nobody was told of the group, else ``more``
one told is resolved   a notice with it, even when it is silenced or inhibited by now: who was woken hears the end
all told are resolved  the notice's reason is ``resolved``
nothing changed        ``repeat`` once ``repeat_interval`` has passed, unless all that fire are acknowledged
silenced, inhibited    nothing about what fires, until that ends
fired and resolved
between two looks      nothing: nobody was told of it
=====================  ==========================================================================================

Differences from Alertmanager: the resolve of what was silenced meanwhile is told; an acknowledgement stops repeats;
an alert that two routes bring to the same receiver is told once; an alert that fires anew before its group was looked
at again is an incident of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from trimtab.alerts import effect_of
from trimtab.config import AlertingConfig
from trimtab.notices.book import Alert, Book, Group, Notice
from trimtab.notices.labels import labels_of
from trimtab.notices.muting import Ack, Inhibitor, Silence
from trimtab.notices.routing import Route, Router

__all__ = ["BACKOFF_MOST_MS", "Desk"]

BACKOFF_MOST_MS: Final = 60_000
_WORST: Final = {"critical": 0, "warning": 1, "info": 2}
# Alertmanager forgets what it is not told of, so an acknowledgement does not stop that.
_KEEPS_ASKING: Final = "alertmanager"


class Desk:
    """The state machine.

    Parameters
    ----------
    config
        Routes, receivers and rules.
    book
        State to go on from; it is changed in place.

    Examples
    --------
    >>> spec = {"receivers": {"ops": {"webhook": {"url": "http://127.0.0.1:1"}}}, "route": {"receiver": "ops"}}
    >>> desk = Desk(AlertingConfig.model_validate(spec), Book())
    >>> desk.alert({"incident": "i", "state": "firing", "model": "m", "kind": "drift", "raised_ms": 0}, 0)
    >>> desk.tick(29_999), [notice.reason for notice in desk.tick(30_000)]
    ([], ['firing'])
    """

    def __init__(self, config: AlertingConfig, book: Book) -> None:
        self._config = config
        self._router = Router(config.route)
        self._book = book
        self._silences: dict[str, Silence] = {}
        self._acks: dict[str, Ack] = {}
        self._reroute()

    def alert(self, record: Mapping[str, Any], now_ms: int) -> None:
        """A record of the topic ``alerts``."""
        incident = str(record["incident"])
        known = self._book.alerts.get(incident)
        if record["state"] != "firing":
            if known is not None:
                known.record = record
                self._forget_untold(known)
                self._book.changed("alert", incident)
            return
        if known is not None:
            return
        labels = labels_of(record, self._config.labels.get(str(record["model"]), {}))
        alert = Alert(record, labels, int(record["raised_ms"]))
        self._book.alerts[incident] = alert
        self._book.changed("alert", incident)
        self._join(alert, now_ms)

    def silence(self, silence: Silence | None, id: str) -> None:
        """A silence was made, changed or, with None, removed."""
        self._silences.pop(id, None)
        if silence is not None:
            self._silences[id] = silence

    def ack(self, ack: Ack | None, incident: str) -> None:
        """An incident was acknowledged or, with None, no longer is."""
        self._acks.pop(incident, None)
        if ack is not None:
            self._acks[incident] = ack

    def race(self, model: str, running: bool, time_ms: int) -> None:
        """A race began or ended."""
        if running:
            self._book.races[model] = time_ms
        else:
            self._book.races.pop(model, None)
        self._book.changed("book")

    def tick(self, now_ms: int) -> list[Notice]:
        """Look at the groups that are due; returns the notices that are new."""
        due = [group for group in self._book.groups.values() if group.due_ms <= now_ms]
        inhibitor = self._inhibitor(now_ms) if due else Inhibitor((), ())
        made: list[Notice] = []
        for group in sorted(due, key=lambda g: (g.due_ms, g.id)):
            made += self._look(group, inhibitor, now_ms)
        return made

    def ready(self, now_ms: int, busy: Iterable[str] = ()) -> list[Notice]:
        """Notices to try now: of each group and target the first only, and none that is in ``busy``."""
        first: dict[tuple[str, str], Notice] = {}
        for notice in sorted(self._book.notices.values(), key=lambda n: n.number):
            first.setdefault((notice.group_id, notice.target), notice)
        under_way = set(busy)
        return [n for n in first.values() if n.next_ms <= now_ms and n.id not in under_way]

    def sent(self, id: str) -> Notice:
        """A notice arrived."""
        notice = self._book.notices.pop(id)
        notice.attempts += 1
        self._book.changed("notice", id)
        return notice

    def failed(self, id: str, now_ms: int, *, final: bool, after_ms: int | None = None) -> Notice | None:
        """A notice did not arrive; returned when it is given up.

        Parameters
        ----------
        final
            Trying again is of no use.
        after_ms
            How long the receiver asked to wait.
        """
        notice = self._book.notices[id]
        notice.attempts += 1
        self._book.changed("notice", id)
        wait_ms = min(BACKOFF_MOST_MS, 1_000 * 2 ** min(notice.attempts - 1, 16))
        # Whoever asks for a longer wait than we have is asked once more at the end of it.
        last_ms = notice.due_ms + self._config.give_up_after
        notice.next_ms = min(now_ms + max(wait_ms, after_ms or 0), last_ms)
        if not final and now_ms < last_ms:
            return None
        del self._book.notices[id]
        # Nobody was told, so the next look at the group tells it again, if it still fires.
        for alert in notice.alerts:
            known = self._book.alerts.get(alert["incident"])
            if known is not None and alert["state"] == "firing":
                known.told.pop(notice.target, None)
                self._book.changed("alert", known.incident)
        return notice

    def muted_by(self, labels: Mapping[str, str], now_ms: int) -> str | None:
        """Why nobody is told of an alert with these labels now: silenced, inhibited, or None."""
        return self._muted_by(labels, self._inhibitor(now_ms), now_ms)

    def _muted_by(self, labels: Mapping[str, str], inhibitor: Inhibitor, now_ms: int) -> str | None:
        if any(silence.mutes(labels, now_ms) for silence in self._silences.values()):
            return "silenced"
        return "inhibited" if inhibitor.inhibits(labels) else None

    def _inhibitor(self, now_ms: int) -> Inhibitor:
        racing = [
            {"kind": "retraining", "model": model}
            for model, since_ms in self._book.races.items()
            if now_ms < since_ms + self._config.inhibit_while_retraining
        ]
        firing = [alert.labels for alert in self._book.alerts.values() if alert.firing]
        return Inhibitor(self._config.inhibit, [*firing, *racing])

    def _acknowledged(self, incident: str, now_ms: int) -> bool:
        ack = self._acks.get(incident)
        return ack is not None and ack.holds(now_ms)

    def _join(self, alert: Alert, now_ms: int) -> None:
        """Put an alert into the groups of its routes."""
        for route in self._router.find(alert.labels):
            labels = route.group_of(alert.labels)
            id = route.group_id(labels)
            group = self._book.groups.get(id)
            if group is None:
                group = self._book.groups[id] = Group(id, route.path, labels, now_ms + route.group_wait_ms)
            if alert.incident not in group.incidents:
                group.incidents.append(alert.incident)
            if not group.looked and alert.since_ms + route.group_wait_ms <= now_ms:
                group.due_ms = now_ms
            self._book.changed("group", id)

    def _look(self, group: Group, inhibitor: Inhibitor, now_ms: int) -> list[Notice]:
        """Decide what each target of a group is told."""
        route = self._router[group.path]
        alerts = [self._book.alerts[incident] for incident in group.incidents]
        visible = [a for a in alerts if a.firing and self._muted_by(a.labels, inhibitor, now_ms) is None]
        receiver = self._config.receivers[route.receiver]
        made = []
        for protocol, target in receiver.targets.items():
            name = f"{route.receiver}/{protocol}"
            notice = self._decide(group, route, name, alerts, visible, target.send_resolved, now_ms)
            if notice is not None:
                made.append(notice)
        self._forget_resolved(group)
        group.looked, group.due_ms = True, now_ms + route.group_interval_ms
        if not group.incidents:
            del self._book.groups[group.id]
        self._book.changed("group", group.id)
        return made

    def _decide(
        self,
        group: Group,
        route: Route,
        name: str,
        alerts: list[Alert],
        visible: list[Alert],
        send_resolved: bool,
        now_ms: int,
    ) -> Notice | None:
        told = [alert for alert in alerts if name in alert.told]
        new = [alert for alert in visible if name not in alert.told]
        ended = [alert for alert in told if not alert.firing]
        for alert in ended:
            del alert.told[name]
            self._book.changed("alert", alert.incident)
        if not send_resolved:
            ended = []
        if not new and not ended:
            open_ = visible if name.endswith(f"/{_KEEPS_ASKING}") else self._unlooked(visible, now_ms)
            if not open_ or now_ms < group.last_ms.get(name, 0) + route.repeat_interval_ms:
                return None
        for alert in new:
            alert.told[name] = now_ms
            self._book.changed("alert", alert.incident)
        still = any(alert.firing and name in alert.told for alert in alerts)
        reason = "repeat" if not new and not ended else "resolved" if not still else "more" if told else "firing"
        group.last_ms[name] = now_ms
        return self._notice(group, name, reason, [*visible, *ended], now_ms, route.repeat_interval_ms)

    def _unlooked(self, visible: list[Alert], now_ms: int) -> list[Alert]:
        return [alert for alert in visible if not self._acknowledged(alert.incident, now_ms)]

    def _notice(self, group: Group, name: str, reason: str, alerts: list[Alert], now_ms: int, repeat_ms: int) -> Notice:
        self._book.number += 1
        number = self._book.number
        id = hashlib.sha256(f"{group.id}\0{name}\0{number}".encode()).hexdigest()[:32]
        ordered = sorted(alerts, key=_worst)
        told = [
            {
                **alert.record,
                "first_raised_ms": alert.since_ms,
                "labels": dict(alert.labels),
                "acknowledged": self._acknowledged(alert.incident, now_ms),
            }
            for alert in ordered
        ]
        notice = Notice(id, name, group.id, number, reason, group.labels, told, now_ms, now_ms, repeat_ms)
        self._book.notices[id] = notice
        self._book.changed("notice", id)
        self._book.changed("book")
        return notice

    def _forget_resolved(self, group: Group) -> None:
        """Take resolved alerts out of a group, and out of the book once no group has them."""
        for incident in [one for one in group.incidents if not self._book.alerts[one].firing]:
            group.incidents.remove(incident)
            self._forget_untold(self._book.alerts[incident])
            self._book.changed("alert", incident)

    def _forget_untold(self, alert: Alert) -> None:
        """Take a resolved alert out of the book once no group has it."""
        routes = self._router.find(alert.labels)
        ids = (route.group_id(route.group_of(alert.labels)) for route in routes)
        groups = (self._book.groups[id] for id in ids if id in self._book.groups)
        if not any(alert.incident in group.incidents for group in groups):
            del self._book.alerts[alert.incident]

    def _reroute(self) -> None:
        """After a change of the configuration: every alert into the groups of its new routes; who was told stays."""
        text = orjson.dumps(
            self._config.model_dump(mode="json", include={"route", "labels"}), option=orjson.OPT_SORT_KEYS
        )
        receivers = sorted(f"{name}/{way}" for name, spec in self._config.receivers.items() for way in spec.targets)
        sha256 = hashlib.sha256(text + orjson.dumps(receivers)).hexdigest()
        if sha256 == self._book.routes_sha256:
            return
        self._book.routes_sha256 = sha256
        self._book.changed("book")
        last_ms: dict[str, int] = {}
        for group in self._book.groups.values():
            for name, time_ms in group.last_ms.items():
                last_ms[name] = max(time_ms, last_ms.get(name, 0))
            self._book.changed("group", group.id)
        self._book.groups.clear()
        for id, notice in list(self._book.notices.items()):
            if notice.target not in receivers:
                del self._book.notices[id]
                self._book.changed("notice", id)
        for alert in list(self._book.alerts.values()):
            alert.labels = labels_of(alert.record, self._config.labels.get(str(alert.record["model"]), {}))
            alert.told = {name: time_ms for name, time_ms in alert.told.items() if name in receivers}
            self._book.changed("alert", alert.incident)
            if alert.firing or alert.told:
                self._join(alert, alert.since_ms)
            else:
                del self._book.alerts[alert.incident]
        for group in self._book.groups.values():
            group.last_ms = dict(last_ms)


def _worst(alert: Alert) -> tuple[bool, int, float, str]:
    """What fires before what is resolved, then by severity, then by effect."""
    severity = _WORST.get(alert.labels.get("severity", ""), 1)
    evidence = alert.record.get("evidence") or {}
    effect = effect_of(evidence.get("statistics") or {}, evidence.get("thresholds") or {})
    return not alert.firing, severity, -effect, alert.incident
