"""Tables in files: CSV and Parquet, rows in time order."""

from trimtab.files.table import Table, event_times, read_columns, read_table

__all__ = ["Table", "event_times", "read_columns", "read_table"]
