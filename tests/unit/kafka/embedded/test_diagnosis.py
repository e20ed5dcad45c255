"""The line of the log that says why Kafka ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from trimtab.kafka.embedded.diagnosis import explain, log_size, read_since

AT = "2026-01-31 10:00:00,000"
INFO = f"{AT} INFO all is well (kafka.Kafka$)\n"
STACK = "\tat kafka.Kafka.main(Kafka.scala:100)\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", None),
        (INFO + f"{AT} ERROR Bad disk (kafka.log.LogManager)\n" + INFO, "Bad disk"),
        (
            f"{AT} ERROR Cannot start (a.B)\njava.io.IOException: x\n{STACK}"
            f"Caused by: java.net.BindException: in use\n{STACK}",
            "Cannot start: java.net.BindException: in use",
        ),
        (f"{AT} ERROR Real (a.B)\n{AT} ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)\n", "Real"),
        ("WARNING: deprecated\nError: Could not find or load main class kafka.Kafka\n", "Error: Could not find"),
        ("/bin/sh: 1: java: Exec format error\n", "/bin/sh: 1: java: Exec format error"),
    ],
)
def test_explain(text: str, reason: str | None) -> None:
    found = explain(text)
    assert found is None if reason is None else str(found).startswith(reason)


def test_explain_is_bounded() -> None:
    assert len(str(explain(f"{AT} ERROR {'x' * 9_999} (a.B)\n"))) == 300


def test_only_this_start_is_read(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    assert (log_size(log), read_since(log, 0)) == (0, "")
    log.write_text("old\n")
    offset = log_size(log)
    log.write_text("old\nnew\n")
    assert read_since(log, offset) == "new\n"
    log.write_text("r\n")
    assert read_since(log, offset) == "r\n"
