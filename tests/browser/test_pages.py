"""A real browser renders the dashboard's page and the demo's plot."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from trimtab.demo.plot import Chart, Curve, Mark, write_plot
from trimtab.roles.dashboard_page import render

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium in PATH: apt-get install chromium")


def browse(path: Path, *options: str) -> str:
    command = [CHROMIUM or "", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    folder = f"--user-data-dir={path.parent / 'profile'}"
    done = subprocess.run(
        [*command, folder, *options, path.as_uri()], capture_output=True, text=True, check=True, timeout=90
    )
    return done.stdout


def state() -> dict[str, Any]:
    alert = {"kind": "drift", "feature": "<x>", "started_ms": 0, "summary": "Feature <x> has drifted."}
    metric = {"value": 0.81, "count": 336, "end_ms": 604_800_000, "status": "ok"}
    version = {"version": 2, "candidate": "reset", "trigger": "drift", "examples": 2_000, "created_ms": 0}
    model = {
        "mode": "online",
        "champion": {"version": 2},
        "online": {"version": 2, "learnt_offset": 77},
        "performance": {"accuracy": metric},
        "alerts": [alert],
        "versions": [version],
    }
    return {"now_ms": 0, "models": {"credit": model}, "dead_letters": {"malformed": 3}}


def test_dashboard_page(tmp_path: Path) -> None:
    page = tmp_path / "dashboard.html"
    page.write_text(render(state()), encoding="utf-8")
    dom = browse(page, "--dump-dom")
    assert "credit@2+77" in dom
    assert "Feature &lt;x&gt; has drifted." in dom
    assert "malformed 3" in dom
    shot = tmp_path / "shot.png"
    browse(page, f"--screenshot={shot}", "--window-size=390,844")
    assert shot.stat().st_size > 5_000


def test_plot_page(tmp_path: Path) -> None:
    right = [i % 3 != 0 for i in range(400)]
    times = [i * 1_800_000 for i in range(400)]
    marks = [Mark(200, "alerts: x", "drift", "m: drift of x"), Mark(300, "promotions: m", "promotion", "m@2")]
    chart = Chart("Accuracy", times, 0, [Curve("served, online", right)], marks, window_rows=48)
    png, page = tmp_path / "a.png", tmp_path / "a.html"
    write_plot(chart, png, page, {"rows": "400"})
    dom = browse(page, "--dump-dom")
    assert "m: drift of x" in dom
    assert "data:image/png;base64," in dom
    shot = tmp_path / "shot.png"
    browse(page, f"--screenshot={shot}", "--window-size=1200,900")
    assert shot.stat().st_size > 10_000
