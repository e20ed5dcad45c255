"""Measures what Trimtab costs, beside the raw limit of the same run; see ``python -m loadtest --help``."""
