"""``python -m loadtest``: what Trimtab costs, alone and beside others."""

from __future__ import annotations

import importlib
import signal
import sys

COMMANDS = {
    "run": "a load of your choice on all of Trimtab: rates, latencies, a report with plots",
    "peers": "the same work done by today's choices and by Trimtab",
    "client": "what the producer client costs its service",
    "trainer": "the trainer beside the bare River loop",
    "dashboard": "a fleet of a thousand models over a quarter of a year: rebuild, memory, first paint",
    "scaling": "what an event costs as models, features, segments, partitions, windows and pending labels grow",
    "joined": "predictions joined with labels, while many wait for theirs",
    "sequential": "how often each sequential detector is wrong, and how soon it sees a change",
    "races": "how often races between equal models are won, and how soon better models win",
    "oracle": "what races serve over whole streams, beside the best single model in hindsight",
    "registry": "long histories, compaction, kills, many followers, a replica, a large snapshot",
    "replay": "what a candidate's long replay costs the champion",
    "verdicts": "how often verdicts are false where nothing has changed, and what they find beside other tools",
}


def usage() -> str:
    """The help text."""
    lines = [f"  {name:10} {what}" for name, what in COMMANDS.items()]
    return "\n".join(["usage: python -m loadtest COMMAND ...", "", *lines, "", "COMMAND --help says more"])


def main(argv: list[str]) -> int:
    """Hand over to a command; returns the exit code."""
    if argv[:1] in (["-h"], ["--help"]):
        print(usage())
        return 0
    if not argv or argv[0] not in COMMANDS:
        print(usage(), file=sys.stderr)
        return 2
    command = importlib.import_module(f"loadtest.{argv[0]}.command")
    code: int = command.main(argv[1:])
    return code


if __name__ == "__main__":
    # The embedded broker outlives a process that ends without stopping it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
