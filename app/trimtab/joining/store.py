"""RocksDB under one partition of the join: blocks of rows, and the input offsets that they stand for.

The Kafka transaction commits first, then this store. After a crash between the two the store is behind the
committed offsets, and the collector reads the gap again without output. A store that is gone is the same case
with a longer gap.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from rocksdict import DBCompressionType, Options, Rdict, WriteBatch

from trimtab.errors import TrimtabError

__all__ = ["FORMAT", "DamagedError", "Meta", "PendingError", "Store"]

FORMAT = 3
_META = b"m"
_BUFFER_BYTES = 8 << 20


class PendingError(TrimtabError):
    """The pending store cannot be opened or written: free disk space or mend the folder's permissions."""

    exit_code = 7


class DamagedError(PendingError):
    """What the pending store holds cannot be read; it is made anew from the topics at the next start."""


class Meta(msgspec.Struct):
    """What the store stands for: the next offset per input topic, and each side's largest event time in ms.

    ``key`` is the secret of the ids' hashes, and ``models`` the hash of the models' configuration: rows are stored
    by its columns.
    """

    offsets: dict[str, int] = {}
    clocks: dict[str, int] = {}
    key: tuple[int, int] = (0, 0)
    models: str = ""
    format: int = FORMAT


class Store:
    """The database of one partition.

    Parameters
    ----------
    path
        Its folder; made when missing, and made anew when it is damaged, was condemned, or is of other models.
    models
        Hash of the configuration of all models.
    """

    def __init__(self, path: Path, models: str) -> None:
        self._path = path
        self._models = models
        self._db = _open(path)
        raw = self._db.get(_META)
        self.meta = _meta(raw)
        if self._condemned.exists() or raw is None or self.meta.format != FORMAT or self.meta.models != models:
            self.wipe()

    def wipe(self) -> None:
        """Start from an empty store."""
        self._db.close()
        self._db = _anew(self._path)
        key = secrets.randbits(64), secrets.randbits(64)
        self.meta = Meta(key=key, models=self._models)

    def condemn(self, error: Exception) -> DamagedError:
        """Nobody shall read this store again; returns what is to be raised."""
        self._condemned.touch()
        return DamagedError(f"pending store {self._path} is damaged: {error}; it is made anew from the topics")

    def get(self, key: bytes) -> bytes | None:
        """A value; raises DamagedError."""
        try:
            value: bytes | None = self._db.get(key)
        except Exception as error:  # rocksdict raises bare exceptions
            raise self.condemn(error) from error
        return value

    def items(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys without ``prefix``, and values, in the order of the keys; raises DamagedError."""
        try:
            for key, value in self._db.items(from_key=prefix):
                if not key.startswith(prefix):
                    return
                yield key[len(prefix) :], value
        except Exception as error:
            raise self.condemn(error) from error

    def write(self, changes: Mapping[bytes, bytes | None], meta: Meta) -> None:
        """Make changes (None deletes) and ``meta`` durable together."""
        batch = WriteBatch(raw_mode=True)
        for key, value in changes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(_META, msgspec.msgpack.encode(meta))
        try:
            self._db.write(batch)
        except Exception as error:  # rocksdict raises bare exceptions
            raise PendingError(f"cannot write pending store {self._path}: {error}; is the disk full?") from error
        self.meta = meta

    @property
    def _condemned(self) -> Path:
        return self._path / "CONDEMNED"

    def close(self) -> None:
        """Close the database."""
        self._db.close()


def _meta(raw: bytes | None) -> Meta:
    try:
        return Meta(format=0) if raw is None else msgspec.msgpack.decode(raw, type=Meta)
    except msgspec.MsgspecError:
        return Meta(format=0)


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    # Floats do not compress, and several partitions have each their own buffers.
    options.set_compression_type(DBCompressionType.none())
    options.set_write_buffer_size(_BUFFER_BYTES)
    # Blocks are written once and deleted whole: kept out of the tree, they are not copied about by compaction.
    options.set_enable_blob_files(True)
    options.set_min_blob_size(32_768)
    options.set_enable_blob_gc(True)
    return options


def _open(path: Path) -> Rdict:
    try:
        path.mkdir(parents=True, exist_ok=True)
        return Rdict(str(path), _options())
    except OSError as error:
        raise PendingError(f"cannot open pending store {path}: {error.strerror}") from error
    except Exception as error:
        if "lock" in str(error).lower() or "no space" in str(error).lower():
            raise PendingError(
                f"cannot open pending store {path}: {error}; does another collector use this data folder? "
                "Give each its own --instance"
            ) from error
        # It can be rebuilt from the topics, so a damaged one is no reason to stop.
        return _anew(path)


def _anew(path: Path) -> Rdict:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True, exist_ok=True)
    return Rdict(str(path), _options())
