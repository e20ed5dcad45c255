"""Versions in the formats of other tools."""
