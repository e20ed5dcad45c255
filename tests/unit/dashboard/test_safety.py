"""Who may not see or do something cannot, whatever they send; each of the ways that were thought of."""

import asyncio
import html
import io
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from tests.browser import world
from tests.unit.dashboard.serving import OPERATOR, READER, TOKENS, Served, run, served
from tests.unit.dashboard.worlds import EVIL, config_of
from trimtab.config import Config
from trimtab.dashboard.store import Store
from trimtab.dashboard.web.serve import Limits
from trimtab.dashboard.web.shown import SHOWN
from trimtab.dashboard.web.tokens import COOKIE, Gatekeeper
from trimtab.errors import ConfigError

RETRAIN = "/api/models/credit/retrain"
PAGES = (
    "/", "/models/fraud", "/models/fraud/versions", "/models/fraud/audit", "/incidents",
    f"/incidents/{world.INCIDENT}", "/silences", "/dead-letters", "/models/fraud/report",
)  # fmt: skip


def test_another_address_than_loopback_needs_a_token(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"host: 0\.0\.0\.0 can be reached by others, so a token is needed"):
        config_of(tmp_path, host="0.0.0.0")
    assert config_of(tmp_path, host="0.0.0.0", tokens=TOKENS).dashboard.host == "0.0.0.0"


def test_a_token_in_place_of_its_hash_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it is no SHA-256") as caught:
        config_of(tmp_path, tokens={"ada": {"sha256": "tt_operator"}})
    assert "tt_operator" not in str(caught.value)


def test_a_name_of_somebody_elses_is_no_host_of_ours(guarded: Config, store: Store) -> None:
    async def test(one: Served) -> None:
        port = one.site.port
        for host in (
            "evil.test",
            f"evil.test:{port}",
            "localhost",
            "localhost.evil.test",
            f"127.0.0.1:{port}.evil.test",
        ):
            for path in ("/", "/api/fleet", "/static/app.css", "/login", "/nothing"):
                status, body, _ = await one.get(path, Host=host, **OPERATOR)
                assert status == 421, (host, path)
                assert "evil" not in body
        for host in (f"localhost:{port}", f"[::1]:{port}", "monitor.example.com", f"monitor.example.com:{port}"):
            assert (await one.get("/api/fleet", Host=host, **OPERATOR))[0] == 200, host

    run(guarded, store, test)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_page_elsewhere_changes_nothing(
    fleet_config: Config, guarded: Config, store: Store, headers: dict[str, str]
) -> None:
    async def test(one: Served) -> None:
        for path in (RETRAIN, "/models/credit/retrain", "/silences", "/login", "/logout"):
            assert (await one.ask("POST", path, {**OPERATOR, **headers}))[0] == 403, path
        assert one.actions.done == []
        own = {**OPERATOR, "Origin": one.url, "Sec-Fetch-Site": "same-origin"}
        assert (await one.ask("POST", RETRAIN, own))[0] == 200
        assert len(one.actions.done) == 1

    for config in (fleet_config, guarded):
        run(config, store, test)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer tt_operato"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic tt_operator"},
        {"Authorization": "Bearer " + TOKENS["ada"]["sha256"]},
        {"Cookie": f"{COOKIE}=ada|99999999999|{'0' * 64}"},
        {"Cookie": f"{COOKIE}=ada|99999999999|é"},
        {"Cookie": f"{COOKIE}=tt_operator"},
    ],
)
def test_without_a_token_there_is_nothing(guarded: Config, store: Store, headers: dict[str, str]) -> None:
    async def test(one: Served) -> None:
        for shown in SHOWN:
            path = "/api" + shown.path.format(model="credit", incident="i", partition=0, offset=0)
            status, body, said = await one.get(path, **headers)
            assert (status, said["WWW-Authenticate"]) == (401, "Bearer"), path
            assert "credit" not in body
        for path in ("/api/openapi.json", "/events", "/models/credit/report", "/nothing"):
            assert (await one.get(path, **headers))[0] == 401, path
        status, _, said = await one.get("/models/credit?last=7d&a=b", Accept="text/html", **headers)
        where = urlsplit(said["Location"])
        assert (status, where.path, parse_qs(where.query)) == (303, "/login", {"next": ["/models/credit?last=7d&a=b"]})
        assert (await one.ask("POST", RETRAIN, headers))[0] == 401
        assert one.actions.done == []
        assert (await one.get("/healthz", **headers))[0] == 200

    run(guarded, store, test)


def test_bytes_that_are_no_text_are_nobodys_token(guarded: Config) -> None:
    gate = Gatekeeper(guarded.dashboard.tokens, b"k" * 32)
    assert gate.identify("Bearer \udcff", None, now_s=0) is None
    assert gate.identify(None, "ada|\u00b2|0", now_s=0) is None


def test_a_read_token_looks_and_does_nothing(guarded: Config, store: Store) -> None:
    async def test(one: Served) -> None:
        for path in (*PAGES, "/api/fleet", "/api/state"):
            status, body, _ = await one.get(path, **READER)
            assert status == 200, path
            assert 'method="post"' not in body.replace('method="post" action="/logout"', ""), path
        for path in (RETRAIN, "/models/credit/rollback", "/silences", f"/incidents/{world.INCIDENT}/ack",
                     "/dead-letters/0/0/reinject"):  # fmt: skip
            assert (await one.ask("POST", path, READER))[0] == 403, path
        assert one.actions.done == []

    run(guarded, store, test)


def test_signing_in_gives_a_cookie_that_ends_with_its_token(guarded: Config, store: Store) -> None:
    async def test(one: Served) -> None:
        status, _, _ = await one.ask("POST", "/login", {}, {"token": "tt_wrong"})
        assert status == 401
        status, body, said = await one.ask("POST", "/login", {}, {"token": "tt_operator", "next": "//evil.test"})
        assert (status, said["Location"], body) == (303, "/", "")
        cookie = said["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "tt_operator" not in cookie
        own = {"Cookie": cookie.split(";")[0], "Origin": one.url}
        assert (await one.ask("POST", RETRAIN, own))[0] == 200
        assert one.actions.done == [("retrain", "credit", None, "ada", "")]
        altered = {"Cookie": own["Cookie"].replace("ada", "bob")}
        assert (await one.get("/api/fleet", **altered))[0] == 401
        status, _, said = await one.ask("POST", "/logout", own)
        assert f'{COOKIE}=""' in said["Set-Cookie"]

    run(guarded, store, test)


def test_names_are_text_on_every_page(fleet_config: Config, store: Store) -> None:
    async def test(one: Served) -> None:
        seen = 0
        for path in PAGES:
            status, body, _ = await one.get(path)
            assert status == 200, path
            assert EVIL not in body, path
            assert "<img" not in body, path
            seen += html.escape(EVIL) in body
        assert seen >= 4, "the name is nowhere, so nothing was tested"
        for text in ('"><script>alert(1)</script>', "javascript:alert(1)"):
            for path in ("/models/credit?metric=", "/models/credit?segment=", "/incidents?model=", "/login?next="):
                _, body, _ = await one.get(path + text)
                assert "<script>alert" not in body
                assert 'href="javascript' not in body

    run(fleet_config, store, test)


def test_no_path_leads_out_of_the_files(fleet_config: Config, store: Store) -> None:
    async def test(one: Served) -> None:
        for name in ("../config/root.py", "..%2f..%2fconfig%2froot.py", "%2e%2e/run.py", "app.css%00", "/etc/passwd",
                     "....//run.py", "..\\run.py", "__init__.py", ""):  # fmt: skip
            request = f"GET /static/{name} HTTP/1.1\r\nHost: 127.0.0.1:{one.site.port}\r\nConnection: close\r\n\r\n"
            reader, writer = await asyncio.open_connection("127.0.0.1", one.site.port)
            writer.write(request.encode())
            answer = await reader.read()
            assert answer.split(b" ")[1] in (b"404", b"400"), name
            assert b"import" not in answer.partition(b"\r\n\r\n")[2]
            writer.close()
        assert (await one.get("/static/app.css"))[0] == 200

    run(fleet_config, store, test)


@pytest.mark.parametrize("chunked", [False, True])
def test_ten_megabytes_are_not_read(fleet_config: Config, store: Store, chunked: bool) -> None:
    async def body() -> object:
        for _ in range(160):
            yield b"x" * 65_536

    async def test(one: Served) -> None:
        for path in (RETRAIN, "/silences", "/login"):
            kind = "application/json" if path.startswith("/api") else "application/x-www-form-urlencoded"
            try:
                status, _, _ = await one.ask(
                    "POST", path, {"Content-Type": kind}, body() if chunked else io.BytesIO(b"x" * 10_485_760)
                )
            except (ConnectionError, OSError):  # closed while we were still sending
                continue
            assert status == 413, path
        assert one.actions.done == []

    run(fleet_config, store, test)


async def ended(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """What still comes until the other side has ended it."""
    found = b""
    try:
        while piece := await reader.read(1 << 20):
            found += piece
    except ConnectionError:
        pass
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    return found


def test_who_is_too_slow_is_let_go(fleet_config: Config, store: Store) -> None:
    async def test(one: Served) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        trickling = [await asyncio.open_connection("127.0.0.1", one.site.port) for _ in range(3)]
        for _, writer in trickling:
            writer.write(b"GET / HTTP/1.1\r\nHost: 127")
        assert (await one.get("/healthz"))[0] == 200
        for reader, writer in trickling:
            assert await asyncio.wait_for(ended(reader, writer), 5) == b""
        assert 0.2 < loop.time() - begun < 3
        # One that asks for much and reads nothing.
        reader, writer = await asyncio.open_connection("127.0.0.1", one.site.port, limit=1_024)
        ask = f"GET /static/plotly.min.js HTTP/1.1\r\nHost: 127.0.0.1:{one.site.port}\r\n\r\n".encode()
        writer.write(ask * 3)
        await asyncio.sleep(1.0)
        assert len(await asyncio.wait_for(ended(reader, writer), 5)) < 2 * 4_800_000

    run(fleet_config, store, test, Limits(headers_s=0.3, stall_s=0.3))


def test_no_more_connections_than_are_allowed(fleet_config: Config, store: Store) -> None:
    async def test(one: Served) -> None:
        held = [await asyncio.open_connection("127.0.0.1", one.site.port) for _ in range(5)]
        await asyncio.sleep(0.1)
        reader, writer = await asyncio.open_connection("127.0.0.1", one.site.port)
        assert await ended(reader, writer) == b""
        for _, other in held:
            other.close()
        await asyncio.sleep(0.1)
        assert (await one.get("/healthz"))[0] == 200

    run(fleet_config, store, test, Limits(connections=5))


def test_every_answer_has_its_headers(guarded: Config, store: Store) -> None:
    async def test(one: Served) -> None:
        for path, headers in (("/", OPERATOR), ("/api/fleet", {}), ("/nothing", OPERATOR), ("/static/app.js", {})):
            _, _, said = await one.get(path, **headers)
            assert "default-src 'none'; script-src 'self'" in said["Content-Security-Policy"], path
            assert said["X-Content-Type-Options"] == "nosniff"
            assert said["X-Frame-Options"] == "DENY"
            assert "Server" not in said or "Python" not in said["Server"]

    run(guarded, store, test)


def test_further_routes_are_guarded_as_all_are(guarded: Config, store: Store) -> None:
    async def more(_: web.Request) -> web.Response:
        return web.Response(text="more")

    async def test() -> None:
        async with served(guarded, store, extra_routes=lambda _: [web.get("/more", more)]) as one:
            assert (await one.get("/more"))[0] == 401
            assert (await one.get("/more", Host="evil.test", **READER))[0] == 421
            assert (await one.get("/more", **READER))[:2] == (200, "more")

    asyncio.run(test())


def test_a_fault_of_ours_is_told_in_the_log_alone(
    guarded: Config, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(_: web.Request) -> web.Response:
        raise ZeroDivisionError("hidden")

    async def test() -> None:
        async with served(guarded, store, extra_routes=lambda _: [web.get("/more", fails)]) as one:
            status, body, said = await one.get("/more", **READER)
            assert (status, "hidden" in body) == (500, False)
            assert "default-src 'none'" in said["Content-Security-Policy"]

    asyncio.run(test())
    assert "ZeroDivisionError: hidden" in caplog.text


def test_nothing_secret_is_shown(guarded: Config, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    async def test(one: Served) -> None:
        for path in (*PAGES, "/api/state", "/api/openapi.json"):
            _, body, _ = await one.get(path, **OPERATOR)
            for secret in ("tt_operator", TOKENS["ada"]["sha256"], "kkkkkkkk"):
                assert secret not in body, path
        await one.ask("POST", "/login", {}, {"token": "tt_wrong"})

    run(guarded, store, test)
    assert "tt_" not in caplog.text
