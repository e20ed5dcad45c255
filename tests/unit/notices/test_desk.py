"""The lifecycle against what Alertmanager's documentation says, a row of the table each, and where we differ."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.notices.world import World, alerting

Story = Callable[[World], None]
Told = list[tuple[float, str, str]]


def group_wait(world: World) -> None:
    world.fire(0, "a")
    world.fire(10, "b")
    world.run(10, 100)


def first_notice_at_once_after_a_stop(world: World) -> None:
    """An alert that has fired for longer than group_wait needs no more waiting."""
    world.fire(0, "late")
    world._book.take()
    other = World()
    other.desk.alert({**world._book.alerts["late"].record}, 45_000)
    other.run(45, 60)
    world.arrived = other.arrived


def resolved_before_group_wait(world: World) -> None:
    world.fire(0, "a")
    world.resolve(20, "a")
    world.run(20, 1_000)


def group_interval(world: World) -> None:
    world.fire(0, "a")
    world.run(0, 40)
    world.fire(41, "b")
    world.run(41, 400)


def resolve_at_the_next_interval(world: World) -> None:
    world.fire(0, "a", "b")
    world.run(0, 40)
    world.resolve(41, "a")
    world.run(41, 400)
    world.resolve(401, "b")
    world.run(401, 700)


def group_is_new_after_all_resolved(world: World) -> None:
    world.fire(0, "a:1")
    world.run(0, 40)
    world.resolve(50, "a:1")
    world.run(50, 400)
    world.fire(401, "a:2")
    world.run(401, 500)


def repeat_interval(world: World) -> None:
    world.fire(0, "a")
    world.run(0, 30_000, 5)


def a_change_starts_the_repeat_interval_anew(world: World) -> None:
    world.fire(0, "a")
    world.run(0, 10_000, 5)
    world.fire(10_000, "b")
    world.run(10_000, 26_000, 5)


def silenced(world: World) -> None:
    world.silence(0, 100, 'model="credit"')
    world.fire(0, "a")
    world.run(0, 600)


def silence_of_another(world: World) -> None:
    world.silence(0, 100, 'model="credit"', 'feature=~"b|c"')
    world.fire(0, "a", "b")
    world.run(0, 600)


def silence_begins_later(world: World) -> None:
    world.silence(31, 10_000, 'feature="b"')
    world.fire(0, "a")
    world.run(0, 40)
    world.fire(41, "b")
    world.run(41, 1_000)


def silenced_before_its_repeat(world: World) -> None:
    world.fire(0, "a")
    world.run(0, 40)
    world.silence(41, 20_000, 'feature="a"')
    world.run(45, 26_000, 5)


def resolved_while_silenced(world: World) -> None:
    world.fire(0, "a")
    world.run(0, 40)
    world.silence(41, 100_000, 'feature="a"')
    world.resolve(50, "a")
    world.run(50, 1_000)


def fired_and_resolved_while_silenced(world: World) -> None:
    world.silence(0, 100_000, 'feature="a"')
    world.fire(0, "a")
    world.run(0, 400)
    world.resolve(401, "a")
    world.run(401, 1_000)


def inhibited(world: World) -> None:
    world.fire(0, "a")
    world.fire(0, "q", feature="a", kind="quality")
    world.run(0, 400)
    world.resolve(400, "q", feature="a", kind="quality")
    world.run(401, 700)


def inhibited_elsewhere(world: World) -> None:
    """Another feature's quality inhibits nothing."""
    world.fire(0, "a")
    world.fire(0, "q", feature="b", kind="quality")
    world.run(0, 400)


def a_silenced_alert_inhibits_still(world: World) -> None:
    world.silence(0, 9_999, 'kind="quality"')
    world.fire(0, "a")
    world.fire(0, "q", feature="a", kind="quality")
    world.run(0, 400)


def inhibited_by_a_race_for_a_while(world: World) -> None:
    world.desk.race("credit", True, 0)
    world.fire(0, "a")
    world.run(0, 1_000)


def race_that_mends(world: World) -> None:
    world.desk.race("credit", True, 0)
    world.fire(0, "a")
    world.run(0, 300)
    world.desk.race("credit", False, 300_000)
    world.resolve(300, "a")
    world.run(300, 1_000)


def acknowledged(world: World) -> None:
    world.fire(0, "a")
    world.run(0, 40)
    world.ack("a")
    world.run(45, 30_000, 5)
    world.resolve(30_001, "a")
    world.run(30_001, 30_400)


def acknowledged_for_a_while(world: World) -> None:
    world.fire(0, "a")
    world.run(0, 40)
    world.ack("a", 20_000)
    world.run(45, 26_000, 5)


def one_of_two_acknowledged(world: World) -> None:
    world.fire(0, "a", "b")
    world.run(0, 40)
    world.ack("a")
    world.run(45, 15_000, 5)


def fires_anew_within_the_interval(world: World) -> None:
    world.fire(0, "a:1")
    world.run(0, 40)
    world.resolve(50, "a:1")
    world.fire(60, "a:2")
    world.run(60, 1_000)


def the_worst_first(world: World) -> None:
    evidence = {"statistics": {"psi": 0.9}, "thresholds": {"psi": 0.3}}
    world.fire(0, "mild")
    world.fire(0, "strong", evidence=evidence)
    world.fire(0, "grave", severity="critical")
    world.run(0, 40)


def a_group_for_each_model(world: World) -> None:
    world.fire(0, "a")
    world.fire(5, "b", model="shop")
    world.run(5, 100)


TABLE: list[tuple[Story, Told]] = [
    (group_wait, [(30, "firing", "a b")]),
    (first_notice_at_once_after_a_stop, [(45, "firing", "late")]),
    (resolved_before_group_wait, []),
    (group_interval, [(30, "firing", "a"), (330, "more", "a b")]),
    (resolve_at_the_next_interval, [(30, "firing", "a b"), (330, "more", "b (a)"), (630, "resolved", "(b)")]),
    (group_is_new_after_all_resolved, [(30, "firing", "a:1"), (330, "resolved", "(a:1)"), (431, "firing", "a:2")]),
    (repeat_interval, [(30, "firing", "a"), (14_430, "repeat", "a"), (28_830, "repeat", "a")]),
    (
        a_change_starts_the_repeat_interval_anew,
        [(30, "firing", "a"), (10_230, "more", "a b"), (24_630, "repeat", "a b")],
    ),
    (silenced, [(330, "firing", "a")]),
    (silence_of_another, [(30, "firing", "a"), (330, "more", "a b")]),
    (silence_begins_later, [(30, "firing", "a")]),
    (silenced_before_its_repeat, [(30, "firing", "a"), (20_130, "repeat", "a")]),
    (resolved_while_silenced, [(30, "firing", "a"), (330, "resolved", "(a)")]),
    (fired_and_resolved_while_silenced, []),
    (inhibited, [(30, "firing", "q"), (630, "more", "a (q)")]),
    (inhibited_elsewhere, [(30, "firing", "a q")]),
    (a_silenced_alert_inhibits_still, []),
    (inhibited_by_a_race_for_a_while, [(630, "firing", "a")]),
    (race_that_mends, []),
    (acknowledged, [(30, "firing", "a"), (30_030, "resolved", "(a)")]),
    (acknowledged_for_a_while, [(30, "firing", "a"), (20_130, "repeat", "a")]),
    (one_of_two_acknowledged, [(30, "firing", "a b"), (14_430, "repeat", "a b")]),
    (fires_anew_within_the_interval, [(30, "firing", "a:1"), (330, "more", "a:2 (a:1)")]),
    (the_worst_first, [(30, "firing", "grave strong mild")]),
    (a_group_for_each_model, [(30, "firing", "a"), (35, "firing", "b")]),
]


@pytest.mark.parametrize(("story", "told"), TABLE, ids=[story.__name__ for story, _ in TABLE])
def test_what_is_told(story: Story, told: Told) -> None:
    world = World()
    story(world)
    assert world.told() == told


def test_resolves_can_be_left_out() -> None:
    quiet = {"webhook": {"url": "http://127.0.0.1:1", "send_resolved": False}}
    world = World(alerting(receivers={"ops": quiet}))
    world.fire(0, "a:1")
    world.run(0, 40)
    world.resolve(50, "a:1")
    world.run(50, 400)
    world.fire(500, "a:2")
    world.run(500, 600)
    assert world.told() == [(30, "firing", "a:1"), (530, "firing", "a:2")]


def test_a_receiver_that_two_routes_name_is_told_once() -> None:
    routes = [{"match": 'kind="drift"', "continue": True, "group_by": ["feature"]}, {"match": 'model="credit"'}]
    world = World(alerting(route={"routes": routes}))
    world.fire(0, "a")
    world.run(0, 400)
    world.resolve(400, "a")
    world.run(400, 1_000)
    assert [(reason, told) for _, reason, told in world.told()] == [("firing", "a"), ("resolved", "(a)")]


def test_a_failed_notice_is_tried_again_with_its_id_and_in_order() -> None:
    world = World()
    world.fire(0, "a")
    world.desk.tick(30_000)
    [first] = world.desk.ready(30_000)
    assert world.desk.failed(first.id, 30_000, final=False) is None
    assert world.desk.ready(30_999) == []
    world.resolve(40, "a")
    world.desk.tick(330_000)
    assert [notice.id for notice in world.desk.ready(330_000)] == [first.id]
    world.desk.sent(first.id)
    [second] = world.desk.ready(330_000)
    assert (second.reason, second.attempts) == ("resolved", 0)
    assert world.desk.ready(330_000, busy=[second.id]) == []


def test_what_is_given_up_is_told_at_the_next_look() -> None:
    world = World(alerting(give_up_after="10s"))
    world.fire(0, "a")
    world.desk.tick(30_000)
    [first] = world.desk.ready(30_000)
    assert world.desk.failed(first.id, 32_000, final=False) is None
    assert world.desk.failed(first.id, 39_999, final=False) is None
    given_up = world.desk.failed(first.id, 40_000, final=False)
    assert given_up is not None
    assert given_up.id == first.id
    world.run(330, 331)
    assert world.told() == [(330, "firing", "a")]


def test_a_receiver_asks_for_time() -> None:
    world = World()
    world.fire(0, "a")
    world.desk.tick(30_000)
    [first] = world.desk.ready(30_000)
    world.desk.failed(first.id, 30_000, final=False, after_ms=90_000)
    assert not world.desk.ready(119_999)
    assert world.desk.ready(120_000)


def test_a_receiver_that_asks_for_more_time_than_there_is_is_asked_once_more() -> None:
    world = World(alerting(give_up_after="10m"))
    world.fire(0, "a")
    world.desk.tick(30_000)
    [first] = world.desk.ready(30_000)
    assert world.desk.failed(first.id, 30_000, final=False, after_ms=86_400_000) is None
    assert not world.desk.ready(629_999)
    assert world.desk.ready(630_000)
    assert world.desk.failed(first.id, 630_001, final=False) is not None


def test_alertmanager_is_reminded_of_what_somebody_acknowledged() -> None:
    world = World(alerting(receivers={"ops": {"alertmanager": {"url": "http://127.0.0.1:1"}}}))
    world.fire(0, "a")
    world.run(0, 40)
    world.ack("a")
    world.run(45, 15_000, 5)
    assert [reason for _, reason, _ in world.told()] == ["firing", "repeat"]


def test_new_routes_move_alerts_and_repeat_nothing() -> None:
    world = World()
    world.fire(0, "a", "b")
    world.run(0, 40)
    receivers = {"ops": {"webhook": {"url": "http://127.0.0.1:1"}}, "extra": {"slack": {"url": "http://127.0.0.1:1"}}}
    routes = [{"match": 'feature="a"', "receiver": "extra"}]
    world.restart(alerting(receivers=receivers, route={"routes": routes}))
    world.run(100, 1_000)
    world.resolve(1_000, "a", "b")
    world.run(1_000, 2_000)
    assert [
        (notice.target, reason, told)
        for (_, notice), (_, reason, told) in zip(world.arrived, world.told(), strict=True)
    ] == [
        ("ops/webhook", "firing", "a b"),
        ("extra/slack", "firing", "a"),
        ("extra/slack", "resolved", "(a)"),
        ("ops/webhook", "resolved", "(b)"),
    ]
