"""How far behind a follower may be, as far as it knows."""

from __future__ import annotations

from trimtab.client.pulse import Pulse, instance_name
from trimtab.errors import KafkaError


def test_what_was_known_when_the_question_was_asked_counts() -> None:
    now, current, away, sent = [100.0], [True], [False], [0]

    def refresh() -> None:
        if away[0]:
            raise KafkaError("away")
        now[0] += 3.0

    def send() -> None:
        sent[0] += 1

    pulse = Pulse("m", refresh, lambda: current[0], send, now=lambda: now[0])
    pulse.beat()
    assert pulse.behind_s == 3.0
    now[0] += 10.0
    away[0] = True
    pulse.beat()
    assert pulse.behind_s == 13.0
    away[0], current[0] = False, False
    pulse.beat()
    assert pulse.behind_s == 16.0
    current[0] = True
    pulse.beat()
    assert (pulse.behind_s, sent[0]) == (3.0, 4)


def test_instances_have_names_of_their_own() -> None:
    assert instance_name() != instance_name()
