"""The tables of the store.

A window is one row: its numbers of the model as a whole in ``numbers``, its verdicts on features in ``drifts``, what
they rest on in ``statistics``; each as one JSON object, since they are always read together. Rows are clustered by
model, so that a model's page reads one stretch of the file. Text that repeats is numbered in ``names``; ``day`` is the
day on which Kafka took the record, after which rows are let go of.
"""

from __future__ import annotations

from typing import Final

__all__ = ["DDL", "LAYOUT"]

LAYOUT: Final = 1
"""Number of this layout: a file of another one is made anew from the log."""

DDL: Final = """
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE offsets(topic TEXT, part INT, next INT, PRIMARY KEY(topic, part)) WITHOUT ROWID;
CREATE TABLE names(id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE numbers(
    model INT, segment INT, end_ms INT, version INT, start_ms INT, day INT, data BLOB,
    PRIMARY KEY(model, segment, end_ms, version)) WITHOUT ROWID;
CREATE TABLE drifts(
    model INT, segment INT, end_ms INT, version INT, start_ms INT, day INT, data BLOB,
    PRIMARY KEY(model, segment, end_ms, version)) WITHOUT ROWID;
CREATE TABLE statistics(
    model INT, segment INT, end_ms INT, version INT, day INT, data BLOB,
    PRIMARY KEY(model, segment, end_ms, version)) WITHOUT ROWID;
CREATE TABLE histograms(
    model INT, segment INT, feature INT, end_ms INT, version INT, day INT, count INT, data BLOB,
    PRIMARY KEY(model, segment, feature, end_ms, version)) WITHOUT ROWID;
CREATE TABLE live(
    model INT, statistic INT, segment INT, end_ms INT, version INT, day INT, value REAL, count INT,
    PRIMARY KEY(model, statistic, segment, end_ms, version)) WITHOUT ROWID;
CREATE TABLE incidents(
    incident TEXT PRIMARY KEY, model TEXT, state TEXT, started_ms INT, raised_ms INT, changed_ms INT, day INT,
    firing BLOB, resolved BLOB) WITHOUT ROWID;
CREATE INDEX incidents_of ON incidents(model, state);
CREATE TABLE notices(incident TEXT, time_ms INT, id TEXT, day INT, data BLOB,
    PRIMARY KEY(incident, time_ms, id)) WITHOUT ROWID;
CREATE TABLE keyed(kind TEXT, key TEXT, time_ms INT, data BLOB, PRIMARY KEY(kind, key)) WITHOUT ROWID;
CREATE TABLE audit(part INT, offset INT, model TEXT, time_ms INT, data BLOB, PRIMARY KEY(part, offset)) WITHOUT ROWID;
CREATE INDEX audit_of ON audit(model, part, offset);
CREATE TABLE letters(
    part INT, offset INT, time_ms INT, day INT, reason TEXT, data BLOB, PRIMARY KEY(part, offset)) WITHOUT ROWID;
CREATE INDEX letters_by_time ON letters(time_ms);
CREATE TABLE letter_counts(reason TEXT PRIMARY KEY, count INT) WITHOUT ROWID;
"""
