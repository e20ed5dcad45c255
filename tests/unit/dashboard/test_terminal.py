"""What ``trimtab top`` draws."""

from typing import Any

from rich.console import Console

from tests.unit.dashboard.worlds import EVIL
from trimtab.dashboard.terminal import rates, screen
from trimtab.dashboard.views.fleet import fleet
from trimtab.dashboard.views.system import system
from trimtab.dashboard.views.world import World


def drawn(looked: World, most: int | None = None, **other: Any) -> str:
    console = Console(width=220)
    seen: Any = fleet(looked) | other
    with console.capture() as capture:
        console.print(screen(seen, system(looked, [{"role": "monitor", "records": 17}]), {}, most))
    return capture.get()


def test_what_needs_somebody_is_first(looked: World) -> None:
    lines = drawn(looked).splitlines()
    assert "4 models: 1 critical" in lines[0]
    assert [line.split()[0] for line in lines[2:6]] == ["fraud", "churn", "credit", "pricing"]
    assert "not read yet: monitor 17" in lines[-1]


def test_a_small_terminal_says_what_it_leaves_out(looked: World) -> None:
    assert "and 3 more" in drawn(looked, most=1)


def test_names_are_no_markup_and_give_no_orders(looked: World) -> None:
    [row, *_] = fleet(looked)["models"]
    hostile = {**row, "model": "[bold]x\x1b[2J", "worst_feature": EVIL}
    text = drawn(looked, models=[hostile])
    assert "[bold]x\ufffd[2J" in text
    assert "\x1b" not in text


def test_a_process_that_was_started_anew_counts_from_its_start() -> None:
    row: Any = {
        "role": "monitor",
        "instance": "1",
        "started_ms": 5_000,
        "time_ms": 7_000,
        "counters": {"records": 10.0},
    }
    assert rates({"monitor 1": (3_000, {"records": 900.0})}, [row]) == {"monitor 1": {"records": 5.0}}
    assert rates({}, [row]) == {"monitor 1": {"records": 5.0}}
    assert rates({"monitor 1": (7_000, {"records": 10.0})}, [row]) == {}
