"""One program for each peer; each runs in its peer's environment and imports nothing else of this repository."""
