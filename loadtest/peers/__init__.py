"""The same work done by Trimtab and by today's choices, each in its own environment; see ``--help`` of ``peers``."""
