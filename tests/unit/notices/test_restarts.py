"""Whatever happens and wherever it is restarted: no transition is lost, none is told twice."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.notices.world import World, alerting

FEATURES = ("a", "b", "c")
MODELS = ("credit", "shop")
STEP_S = 7

Act = tuple[str, Any]
acts = st.lists(
    st.one_of(
        st.tuples(st.just("turn"), st.tuples(st.sampled_from(MODELS), st.sampled_from(FEATURES))),
        st.tuples(st.just("wait"), st.integers(1, 60)),
        st.tuples(st.just("silence"), st.tuples(st.sampled_from(FEATURES), st.integers(1, 900))),
        st.tuples(st.just("ack"), st.sampled_from(FEATURES)),
        st.tuples(st.just("race"), st.tuples(st.sampled_from(MODELS), st.booleans())),
    ),
    max_size=40,
)


class Drive:
    """Carries out acts; ``restarts`` says after which steps of time the process is killed."""

    def __init__(self, restarts: frozenset[int]) -> None:
        self.world = World(alerting(route={"repeat_interval": "20m"}))
        self.restarts = restarts
        self.now_s, self.steps, self.count = 0, 0, 0
        self.firing: dict[tuple[str, str], str] = {}

    def pass_time(self, steps: int) -> None:
        for _ in range(steps):
            self.now_s += STEP_S
            self.steps += 1
            now_ms = self.now_s * 1_000
            self.world.desk.tick(now_ms)
            if self.steps in self.restarts:
                # Between the decision, which is stored, and its sending.
                self.world.restart()
            for notice in self.world.desk.ready(now_ms):
                self.world.arrived.append((self.now_s, self.world.desk.sent(notice.id)))

    def act(self, act: Act) -> None:
        what, detail = act
        if what == "turn":
            self.turn(*detail)
        elif what == "wait":
            self.pass_time(detail)
        elif what == "silence":
            feature, length_s = detail
            self.world.silence(self.now_s, self.now_s + length_s, f'feature="{feature}"')
        elif what == "ack":
            for (_, feature), incident in self.firing.items():
                if feature == detail:
                    self.world.ack(incident)
        else:
            model, running = detail
            self.world.desk.race(model, running, self.now_s * 1_000)

    def turn(self, model: str, feature: str) -> None:
        incident = self.firing.pop((model, feature), None)
        if incident is not None:
            self.world.resolve(self.now_s, incident, model=model)
            return
        self.count += 1
        self.firing[model, feature] = f"{feature}:{self.count}"
        self.world.fire(self.now_s, f"{feature}:{self.count}", model=model)


def drive(given_acts: list[Act], restarts: frozenset[int]) -> Drive:
    driven = Drive(restarts)
    for act in given_acts:
        driven.act(act)
    # Until every silence and race has ended and each group was looked at again.
    driven.pass_time(400)
    return driven


@settings(max_examples=150, deadline=None)
@given(acts, st.frozensets(st.integers(1, 600), max_size=20))
def test_nothing_is_lost_or_told_twice(given_acts: list[Act], restarts: frozenset[int]) -> None:
    driven = drive(given_acts, restarts)
    firing: set[str] = set()
    ever: set[str] = set()
    last_s: dict[str, float] = {}
    assert len({notice.id for _, notice in driven.world.arrived}) == len(driven.world.arrived)
    for at_s, notice in driven.world.arrived:
        new = {a["incident"] for a in notice.alerts if a["state"] == "firing"} - firing
        ended = {a["incident"] for a in notice.alerts if a["state"] == "resolved"}
        assert not new & ever, "an incident that was told as resolved, or told before, fires again"
        assert ended <= firing, "a resolve of what nobody was told of"
        if not new and not ended:
            assert notice.reason == "repeat"
            assert at_s - last_s[notice.group_id] >= 1_200
        firing = (firing | new) - ended
        ever |= new
        last_s[notice.group_id] = at_s
    assert firing == set(driven.firing.values())


@settings(max_examples=100, deadline=None)
@given(acts, st.frozensets(st.integers(1, 600), max_size=20))
def test_a_restart_changes_nothing(given_acts: list[Act], restarts: frozenset[int]) -> None:
    with_restarts, without = drive(given_acts, restarts), drive(given_acts, frozenset())
    assert [(at, n.to_wire()) for at, n in with_restarts.world.arrived] == [
        (at, n.to_wire()) for at, n in without.world.arrived
    ]


def test_the_property_sees_a_lost_and_a_doubled_notice() -> None:
    driven = drive([("turn", ("credit", "a")), ("wait", 10)], frozenset())
    assert {a["incident"] for _, n in driven.world.arrived for a in n.alerts} == {"a:1"}
    driven = Drive(frozenset())
    driven.act(("turn", ("credit", "a")))
    driven.world.stored.clear()
    driven.world._book.take()
    driven.world.restart()
    driven.pass_time(400)
    assert driven.world.arrived == [], "what was not stored is lost, so the property would fail"
