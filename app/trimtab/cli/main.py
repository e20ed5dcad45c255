"""The command line: every command in one list, and every error as one line on stderr with an exit code.

What a command needs is imported when it runs, so that ``trimtab --help`` answers at once.
"""

from __future__ import annotations

import errno
import os
import signal
import sys

import typer

from trimtab.cli import (
    alerts,
    audit,
    backtest,
    checking,
    dashboard,
    dataset,
    doctoring,
    initial,
    keys,
    orders,
    reference,
    registry,
    showing,
    top,
)
from trimtab.errors import ConfigError, TrimtabError

__all__ = ["main", "make_app", "run"]

INTERRUPTED = 130
_DISK = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EACCES: "permission denied; change its rights or name another folder",
    errno.EPERM: "permission denied; change its rights or name another folder",
    errno.EROFS: "the file system is read-only; name another folder",
}


def make_app(first: str = "") -> typer.Typer:
    """All commands; ``first`` is the word that the command line begins with."""
    app = typer.Typer(
        name="trimtab",
        help="Keeps deployed models on course: drift, alerts, retraining and a model registry, on Kafka alone.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    initial.register(app, first)
    for module in (
        alerts,
        audit,
        backtest,
        checking,
        dashboard,
        dataset,
        doctoring,
        keys,
        orders,
        reference,
        registry,
        showing,
        top,
    ):
        module.register(app)
    return app


def main() -> None:
    """Run the command line and exit."""
    # As Ctrl-C does, so that what was started is stopped; roles and `up` have ways of their own.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; returns its exit code. Never raises, and prints no traceback."""
    try:
        code = make_app(arguments[0] if arguments else "")(args=arguments, prog_name="trimtab", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:
        return _ended(error)
    return code if isinstance(code, int) else 0


def _ended(error: BaseException) -> int:
    """The exit code of an error, after its one line."""
    if isinstance(error, typer.Exit | SystemExit):
        code = error.exit_code if isinstance(error, typer.Exit) else error.code
        return code if isinstance(code, int) else 1
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        # The reader (such as head) has gone; the interpreter must not try to flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    return _say(*_line_of(error))


def _line_of(error: BaseException) -> tuple[str, int]:
    """What to say of an error, and the exit code."""
    if isinstance(error, TrimtabError):
        return str(error), error.exit_code
    if isinstance(error, OSError):
        return _os_line(error), 1
    # The root of click's own errors, which typer does not export, has this method.
    format_message = getattr(error, "format_message", None)
    if format_message is not None:
        return str(format_message()), ConfigError.exit_code
    return f"{type(error).__name__}: {error} (a fault of trimtab; please report it)", 1


def _os_line(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return where + _DISK.get(error.errno or 0, error.strerror or str(error))


def _say(message: str, code: int) -> int:
    print(f"trimtab: error: {' '.join(message.split())}", file=sys.stderr)
    return code
