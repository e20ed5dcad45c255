"""Notices: who is told of which alerts, when and how often, as a pure state machine over the alerts topic."""

from trimtab.notices.book import Book, Notice
from trimtab.notices.desk import Desk
from trimtab.notices.labels import labels_of
from trimtab.notices.muting import Ack, Inhibitor, Silence
from trimtab.notices.routing import Route, Router

__all__ = ["Ack", "Book", "Desk", "Inhibitor", "Notice", "Route", "Router", "Silence", "labels_of"]
