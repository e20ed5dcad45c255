"""Serves pages, API, files and live changes, and keeps out who may not see or do something."""
