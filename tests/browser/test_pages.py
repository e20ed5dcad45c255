"""A real browser renders the demo's plot."""

import shutil
import subprocess
from pathlib import Path

import pytest

from trimtab.demo.plot import Chart, Curve, Mark, write_plot

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium in PATH: apt-get install chromium")


def browse(path: Path, *options: str) -> str:
    command = [CHROMIUM or "", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    folder = f"--user-data-dir={path.parent / 'profile'}"
    done = subprocess.run(
        [*command, folder, *options, path.as_uri()], capture_output=True, text=True, check=True, timeout=90
    )
    return done.stdout


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
