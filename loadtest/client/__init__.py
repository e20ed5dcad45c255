"""``python -m loadtest client``."""
