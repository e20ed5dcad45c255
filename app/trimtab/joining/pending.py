"""The pending ids of one partition in RocksDB, with the input offsets they stand for in the same write batch.

The Kafka transaction commits first, then this store. After a crash between the two the store is behind the
committed offsets, and the collector reads the gap again without output. A store that is gone is the same case
with a longer gap.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
from rocksdict import Options, Rdict, WriteBatch

from trimtab.errors import TrimtabError
from trimtab.joining.entry import Entry

__all__ = ["Meta", "PendingError", "PendingStore"]

_ENTRY, _EXPIRY, _META = b"e", b"x", b"m"
_SIGN = 1 << 63


class PendingError(TrimtabError):
    """The pending store cannot be opened or written: free disk space or mend the folder's permissions."""

    exit_code = 7


class Meta(msgspec.Struct):
    """What the store stands for: the next offset per input topic, and each side's largest event time."""

    offsets: dict[str, int] = {}
    inputs_clock_ms: int | None = None
    labels_clock_ms: int | None = None


class PendingStore:
    """Entries by id with changes held in memory until :meth:`commit`.

    Parameters
    ----------
    path
        Folder of the partition's database; made when missing, and made anew when it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = _open(path)
        self._encode = msgspec.msgpack.Encoder()
        self._decode = msgspec.msgpack.Decoder(Entry)
        self._changed: dict[str, tuple[Entry, int] | None] = {}
        self._dropped: set[bytes] = set()
        raw = self._db.get(_META)
        self.meta = msgspec.msgpack.decode(raw, type=Meta) if raw is not None else Meta()

    def get(self, event_id: str) -> Entry | None:
        """The entry, with uncommitted changes."""
        if event_id in self._changed:
            change = self._changed[event_id]
            return change[0] if change is not None else None
        raw = self._db.get(_ENTRY + event_id.encode())
        return self._decode.decode(raw) if raw is not None else None

    def put(self, event_id: str, entry: Entry, expires_ms: int) -> None:
        """Keep the entry; durable after :meth:`commit`."""
        self._changed[event_id] = (entry, expires_ms)

    def take_expired(self, clock_ms: int) -> Iterator[tuple[str, Entry]]:
        """Remove and yield committed entries whose expiry lies before ``clock_ms``, oldest first."""
        for raw_key in self._db.keys(from_key=_EXPIRY):
            key = bytes(raw_key)
            if key[:1] != _EXPIRY or int.from_bytes(key[1:9], "big") - _SIGN >= clock_ms:
                return
            event_id = key[9:].decode()
            if key in self._dropped:
                continue
            entry = self.get(event_id)
            self._dropped.add(key)
            if entry is not None:
                self._changed[event_id] = None
                yield event_id, entry

    def commit(self, meta: Meta) -> None:
        """Make all changes and ``meta`` durable together."""
        batch = WriteBatch(raw_mode=True)
        # Before the puts: an id that left may be back with the same expiry.
        for dropped in self._dropped:
            batch.delete(dropped)
        for event_id, change in self._changed.items():
            key = event_id.encode()
            if change is None:
                batch.delete(_ENTRY + key)
            else:
                entry, expires_ms = change
                batch.put(_ENTRY + key, self._encode.encode(entry))
                batch.put(_EXPIRY + (expires_ms + _SIGN).to_bytes(8, "big") + key, b"")
        batch.put(_META, msgspec.msgpack.encode(meta))
        try:
            self._db.write(batch)
        except Exception as error:  # rocksdict raises bare exceptions
            raise PendingError(f"cannot write pending store {self._path}: {error}; is the disk full?") from error
        self.meta = meta
        self.rollback()

    def rollback(self) -> None:
        """Forget uncommitted changes."""
        self._changed.clear()
        self._dropped.clear()

    def close(self) -> None:
        """Close the database; uncommitted changes are forgotten."""
        self._db.close()


def _open(path: Path) -> Rdict:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    try:
        path.mkdir(parents=True, exist_ok=True)
        return Rdict(str(path), options)
    except OSError as error:
        raise PendingError(f"cannot open pending store {path}: {error.strerror}") from error
    except Exception as error:
        if "lock" in str(error).lower() or "no space" in str(error).lower():
            raise PendingError(
                f"cannot open pending store {path}: {error}; does another collector use this data folder? "
                "Give each its own --instance"
            ) from error
        # It can be rebuilt from the topics, so a damaged one is no reason to stop.
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True, exist_ok=True)
        return Rdict(str(path), options)
