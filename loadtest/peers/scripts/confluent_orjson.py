"""What an engineer writes in an afternoon: confluent-kafka, orjson, bisect and dicts, tuned."""

from __future__ import annotations

from loadtest.peers.scripts.histograms import Histograms
from loadtest.peers.scripts.windows import consume

if __name__ == "__main__":
    consume(Histograms())
