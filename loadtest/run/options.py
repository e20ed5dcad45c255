"""What load is put on Trimtab."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import msgspec

__all__ = ["FORMATS", "Options", "parse"]

FORMATS = ("json", "avro", "columnar")


class Options(msgspec.Struct, frozen=True):
    """One load.

    Parameters
    ----------
    rate
        Predictions a second of all senders together; 0 is as fast as Kafka takes them.
    disorder, duplicates
        Share of the predictions whose event time lies up to the lateness back; that are sent twice.
    backlog
        Send everything before the roles start.
    window_s, lateness_s
        Of every model; event time is wall time.
    """

    seconds: float = 30.0
    rate: int = 50_000
    format: str = "json"
    senders: int = 1
    collectors: int = 1
    models: int = 1
    features: int = 10
    segments: int = 0
    partitions: int = 4
    labels: bool = False
    label_delay_s: float = 2.0
    disorder: float = 0.0
    duplicates: float = 0.0
    drift: bool = True
    backlog: bool = False
    window_s: float = 2.0
    lateness_s: float = 1.0
    json: Path | None = None
    html: Path | None = None

    @property
    def model_names(self) -> list[str]:
        """Names of the models."""
        return [f"m{number}" for number in range(self.models)]

    @property
    def feature_names(self) -> list[str]:
        """Names of the numeric features."""
        return [f"f{number}" for number in range(self.features)]


def parse(argv: Sequence[str]) -> Options:
    """The options of a command line; ends the program when they are wrong."""
    of = Options()
    parser = argparse.ArgumentParser(prog="python -m loadtest run", description="Trimtab under a load of your choice.")
    parser.add_argument("--seconds", type=float, default=of.seconds, help="how long events are sent")
    parser.add_argument(
        "--rate", type=int, default=of.rate, help="predictions a second; 0: as fast as Kafka takes them"
    )
    parser.add_argument("--format", choices=FORMATS, default=of.format)
    parser.add_argument("--senders", type=int, default=of.senders, help="processes that send")
    parser.add_argument("--collectors", type=int, default=of.collectors, help="collector processes")
    parser.add_argument("--models", type=int, default=of.models)
    parser.add_argument("--features", type=int, default=of.features, help="numeric features of each model")
    parser.add_argument(
        "--segments", type=int, default=of.segments, help="values of a feature that segments the windows"
    )
    parser.add_argument("--partitions", type=int, default=of.partitions)
    parser.add_argument("--labels", action="store_true", help="label every prediction, and train")
    parser.add_argument("--label-delay", dest="label_delay_s", type=float, default=of.label_delay_s, help="seconds")
    parser.add_argument("--disorder", type=float, default=of.disorder, help="share of events out of order")
    parser.add_argument("--duplicates", type=float, default=of.duplicates, help="share of events sent twice")
    parser.add_argument("--no-drift", dest="drift", action="store_false", help="nothing changes half way")
    parser.add_argument("--backlog", action="store_true", help="send everything before Trimtab starts")
    parser.add_argument("--window", dest="window_s", type=float, default=of.window_s, help="seconds")
    parser.add_argument("--lateness", dest="lateness_s", type=float, default=of.lateness_s, help="seconds")
    parser.add_argument("--json", type=Path, help="write the result to this file")
    parser.add_argument("--html", type=Path, help="write a report with plots to this file")
    found = Options(**vars(parser.parse_args(argv)))
    wrong = check(found)
    if wrong:
        parser.error(wrong)
    return found


def check(options: Options) -> str | None:
    """What is wrong with options, or None.

    Examples
    --------
    >>> check(Options(disorder=2.0))
    '--disorder is a share from 0 to 1'
    """
    counts = ("senders", "collectors", "models", "features", "partitions")
    if any(getattr(options, name) < 1 for name in counts):
        return "give at least one of each: " + ", ".join(f"--{name}" for name in counts)
    for name in ("disorder", "duplicates"):
        if not 0 <= getattr(options, name) <= 1:
            return f"--{name} is a share from 0 to 1"
    if options.rate < 0 or options.segments < 0 or options.label_delay_s < 0:
        return "--rate, --segments and --label-delay are not below zero"
    if options.seconds <= 0 or options.window_s < 1 or options.lateness_s < 1:
        return "--seconds must be above zero, --window and --lateness at least 1"
    return _check_formats(options)


def _check_formats(options: Options) -> str | None:
    if options.segments and options.format != "json":
        return "--segments goes with --format json"
    if options.duplicates and options.format == "columnar":
        return "--duplicates goes with --format json or avro"
    for path in (options.json, options.html):
        if path is not None and not path.absolute().parent.is_dir():
            return f"{path}: there is no folder {path.absolute().parent}"
    return None
