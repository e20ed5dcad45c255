"""The role ``dashboard``: pages and an API for the people who look after models.

::

    topics ──reader──► store (SQLite) ──views──► plain data ──pages──► HTML
                                        └──────► JSON, CSV

``store`` keeps what the roles wrote, within bounds; ``views`` say what a page shows as plain data, which the API
returns as it is; ``pages`` are pure functions from that to HTML; ``web`` serves them, guards them, tells browsers of
changes and writes what an operator orders to Kafka.
"""
