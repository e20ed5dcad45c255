"""The dashboard in a real browser, over a real Kafka: each page, each action, live changes, and who cannot see well."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from tests.broker.running import wait_until
from tests.browser import world
from tests.browser.conftest import CHROMIUM, Dashboard
from trimtab.kafka.reading import read_topics
from trimtab.kafka.topics import Topics

playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe: pip install axe-playwright-python")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium in PATH: apt-get install chromium")

PAGES = {
    "/": "Fleet",
    "/models/credit": "credit",
    "/models/fraud": "fraud",
    "/models/credit/versions?version=2&against=1": "Versions of credit",
    "/models/credit/audit": "Audit of credit",
    "/incidents": "Incidents",
    f"/incidents/{world.INCIDENT}": "Feature amount of fraud@1",
    "/silences": "Silences",
    "/dead-letters": "Dead letters",
    "/dead-letters/0/0": "malformed",
    "/system": "System",
    "/models/credit/report": "credit:",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as play:
        one = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield one
        one.close()


class Tab:
    """A page in a context of its own, and what its console said."""

    def __init__(self, browser: Any, dashboard: Dashboard, **options: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1_280, "height": 900}, **options})
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: dialog.accept())
        self.dashboard = dashboard

    def open(self, path: str) -> Any:
        self.page.goto(self.dashboard.url + path)
        return self.page

    def close(self) -> None:
        self.context.close()


@pytest.fixture
def tab(browser: Any, dashboard: Dashboard) -> Iterator[Tab]:
    one = Tab(browser, dashboard)
    yield one
    one.close()
    assert one.errors == []


def live(page: Any) -> None:
    """Wait until the page hears changes. By a selector: a function would be evaluated, which its policy forbids."""
    page.wait_for_selector("html[data-live=yes]", state="attached", timeout=10_000)


def written(dashboard: Dashboard, topic: str) -> list[dict[str, Any]]:
    name = Topics(dashboard.config.kafka.topic_prefix).prefix + topic
    found = []
    for message in read_topics(dashboard.config.kafka, [name]):
        record = orjson.loads(message.value())
        found.append({"key": (message.key() or b"").decode(), **record} if isinstance(record, dict) else record)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_page(browser: Any, dashboard: Dashboard, scheme: str) -> None:
    one = Tab(browser, dashboard, color_scheme=scheme)
    for path, heading in PAGES.items():
        page = one.open(path)
        assert heading in page.locator("h1").first.inner_text(), path
        if path.startswith("/models/") and path.count("/") == 2:
            page.wait_for_selector(".chart.drawn .plot svg")
        found = axe.Axe().run(page).response["violations"]
        serious = [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")]
        assert serious == [], path
        assert one.errors == [], path
    one.close()


def test_a_phone_needs_no_scrolling_aside(browser: Any, dashboard: Dashboard) -> None:
    one = Tab(browser, dashboard, viewport={"width": 390, "height": 844})
    for path in PAGES:
        page = one.open(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    one.close()


def test_light_and_dark_are_remembered(tab: Tab) -> None:
    page = tab.open("/models/credit")
    background = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(background)
    page.get_by_role("button", name="Switch between light and dark").click()
    after = page.evaluate(background)
    assert after != before
    page.wait_for_selector(".chart.drawn .plot svg")
    page.reload()
    assert page.evaluate(background) == after


def test_the_keyboard_reaches_a_cell_and_its_numbers(tab: Tab) -> None:
    page = tab.open("/models/fraud")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.locator(".heat tr", has_text="amount").locator("a").last.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#cell .chart.drawn .plot svg")
    panel = page.locator("#cell").inner_text()
    assert "amount" in panel
    assert "wasserstein" in panel
    assert "◆ drift" in panel
    # A deep link: the same address shows the same.
    page.reload()
    assert page.locator("#cell h3").inner_text() == "amount"


def test_a_name_that_is_markup_does_nothing(tab: Tab) -> None:
    page = tab.open("/models/fraud")
    assert page.locator(".heat th", has_text="<img").count() == 1
    page.locator(".heat tr", has_text="<img").locator("a").last.click()
    page.wait_for_selector("#cell .chart.drawn .plot svg")
    assert page.locator("main img").count() == 0


def test_a_change_is_seen_within_a_second_by_two_browsers(browser: Any, dashboard: Dashboard) -> None:
    one, two = Tab(browser, dashboard), Tab(browser, dashboard)
    seen = [one.open("/"), two.open("/models/pricing")]
    for page in seen:
        live(page)
    world.send_all(
        dashboard.config, [world.alert("pricing", "season", world.now_hour_ms(), incident="cafe000011112222-3")]
    )
    sent = time.monotonic()
    seen[0].wait_for_selector("#row-pricing[data-health=critical]", timeout=5_000)
    seen[1].wait_for_selector("#incidents >> text=Feature season of pricing@1", timeout=5_000)
    assert time.monotonic() - sent < 1
    resolved = world.alert("pricing", "season", world.now_hour_ms(), incident="cafe000011112222-3", state="resolved")
    world.send_all(dashboard.config, [resolved])
    seen[0].wait_for_selector("#row-pricing[data-health=ok]", timeout=5_000)
    assert one.errors == two.errors == []
    one.close()
    two.close()


def test_a_new_window_moves_the_chart(tab: Tab) -> None:
    page = tab.open("/models/churn")
    page.wait_for_selector(".chart.drawn .plot svg")
    live(page)
    end_ms = world.now_hour_ms() + world.HOUR_MS
    number = world.metric("churn", 1, None, "accuracy", 0.7531, end_ms)
    world.send_all(tab.dashboard.config, world.whole([number]))
    page.wait_for_selector("#head >> text=0.7531 accuracy", timeout=3_000)
    page.wait_for_selector("#performance [data-spec*='0.7531']", state="attached")
    page.wait_for_selector("#performance .chart.drawn .plot svg")


def test_it_goes_on_when_the_dashboard_starts_again(browser: Any, dashboard: Dashboard) -> None:
    one = Tab(browser, dashboard)
    page = one.open("/incidents?state=firing")
    live(page)
    dashboard.stop()
    page.wait_for_selector("text=Connection lost")
    world.send_all(dashboard.config, [world.alert("credit", "age", world.now_hour_ms(), incident="beef000011112222-4")])
    dashboard.start()
    page.wait_for_selector("text=Feature age of credit@1", timeout=10_000)
    live(page)
    world.send_all(
        dashboard.config,
        [world.alert("credit", "age", world.now_hour_ms(), incident="beef000011112222-4", state="resolved")],
    )
    page.wait_for_selector("text=Feature age of credit@1", state="detached", timeout=5_000)
    # What a browser says of a server that is away is no fault of ours.
    assert [error for error in one.errors if "ERR_" not in error] == []
    one.close()


def test_looking_after_an_incident_and_silencing_it(tab: Tab) -> None:
    page = tab.open(f"/incidents/{world.INCIDENT}")
    form = page.locator("form[action$='/ack']")
    form.get_by_label("Comment").fill("I am on it")
    form.get_by_role("button").click()
    page.wait_for_selector("#story >> text=Looked after by local: I am on it", timeout=5_000)
    [ack] = [one for one in written(tab.dashboard, "silences") if one["key"].startswith("ack/")]
    assert (ack["key"], ack["author"], ack["until_ms"]) == (f"ack/{world.INCIDENT}", "local", None)
    form = page.locator("form[action='/silences']")
    form.get_by_label("For").select_option("1h")
    form.get_by_role("button").click()
    page.wait_for_selector("#head dt:has-text('Silence')", timeout=5_000)
    [silence] = [one for one in written(tab.dashboard, "silences") if one["key"].startswith("silence/")]
    matchers = {matcher["name"]: matcher["value"] for matcher in silence["matchers"]}
    assert matchers == {"model": "fraud", "kind": "drift", "feature": "amount", "segment": ""}
    assert silence["ends_ms"] - silence["starts_ms"] == world.HOUR_MS
    page = tab.open("/silences")
    page.get_by_role("button", name="End").click()
    page.wait_for_selector("#silences >> text=expired", timeout=5_000)
    newest = [one for one in written(tab.dashboard, "silences") if one["key"].startswith("silence/")][-1]
    assert (newest["id"], newest["author"]) == (silence["id"], "local")
    assert newest["ends_ms"] < silence["ends_ms"]


def test_orders_reach_the_trainer(tab: Tab) -> None:
    page = tab.open("/models/credit")
    form = page.locator("form[action$='/retrain']")
    form.get_by_label("Why").fill("season begins")
    form.get_by_role("button").click()
    page.wait_for_load_state()
    form = page.locator("form[action$='/rollback']")
    form.get_by_label("To version").fill("1")
    form.get_by_role("button").click()
    page.wait_for_load_state()
    alias = {"model": "fraud", "alias": "canary", "version": 2, "share": 0.0, "reason": "waiting_for_approval",
             "changed_ms": 0}  # fmt: skip
    world.send_all(tab.dashboard.config, [world.Message("registry", "fraud/aliases/canary", alias, 0, 0)])
    wait_until(lambda: "Approve version 2" in tab.open(f"/incidents/{world.INCIDENT}").content(), 5)
    page.get_by_role("button", name="Approve version 2").click()
    page.wait_for_load_state()
    assert wait_until(lambda: len(written(tab.dashboard, "commands")) == 3, 10)
    said = {
        one["command"]: (one["model"], one["version"], one["actor"], one["reason"])
        for one in written(tab.dashboard, "commands")
    }
    assert said == {
        "retrain": ("credit", None, "local", "season begins"),
        "rollback": ("credit", 1, "local", ""),
        "approve": ("fraud", 2, "local", f"incident {world.INCIDENT}"),
    }


def test_a_dead_letter_is_put_back_and_the_audit_log_knows(tab: Tab) -> None:
    page = tab.open("/dead-letters")
    page.get_by_role("link", name="malformed", exact=False).last.click()
    page.get_by_role("button", name="Put it back").click()
    page.wait_for_load_state()
    topic = Topics(tab.dashboard.config.kafka.topic_prefix).predictions
    found = [(m.partition(), m.key(), m.value()) for m in read_topics(tab.dashboard.config.kafka, [topic])]
    assert found == [(1, b"order-17", b'{"id": "order-17", "model": "credit", "time": "yesterday')]
    page = tab.open("/models/-/audit")
    page.wait_for_selector("text=A dead letter is put back", timeout=5_000)
    assert "intact" in page.locator("#audit").inner_text()
    [entry] = [one for one in written(tab.dashboard, "audit") if one["writer"] == "dashboard"]
    assert (entry["actor"], entry["sequence"], entry["details"]["reason"]) == ("local", 1, "malformed")
