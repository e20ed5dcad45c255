"""A model as bytes and back: ``dump`` and ``load``, where loading runs nothing but reviewed constructors.

``load`` checks in this order, cheapest and strongest first, and stops at the first failure:

1. the size against the cap of the model;
2. SHA-256 against the manifest (a signature over the manifest belongs before this step, in the manifest's reader:
   the digest that it covers is the one that is checked here);
3. the magic and the format version;
4. the pickle, by an unpickler that resolves listed names only (``allowlist``);
5. the classes that the pickle named: they must be as they were, since a pickle can also set attributes of a class.

What this does not stop: an admitted model may still predict badly or need much time and memory. Who may write to
the registry topic is Kafka's ACLs' business, and who wrote is the signature's.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib
import io
import pickle
import re
import struct
from collections.abc import Iterable
from types import FunctionType
from typing import Any, Final, NoReturn

from trimtab.errors import RegistryError
from trimtab.registry.allowlist import ADMITTED, Name
from trimtab.registry.parts import without_entropy
from trimtab.registry.stand_ins import STAND_INS, NotAdmitted

__all__ = ["FORMAT_VERSION", "MAGIC", "SnapshotRefused", "dump", "load"]

MAGIC: Final = b"TTS1"
FORMAT_VERSION: Final = 1
_HEADER: Final = struct.Struct(">4sH")
_PROTOCOL: Final = 5
_ENTRY: Final = re.compile(r"(\w+(?:\.\w+)*):(\w+)")
_IMMUTABLE_TYPE: Final = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE: its attributes cannot be set

_resolved: dict[Name, Any] = dict(STAND_INS)


class SnapshotRefused(RegistryError):
    """The bytes are not a snapshot that may be loaded, or the model cannot become one."""


def dump(model: object, *, admit: Iterable[str] = ()) -> bytes:
    """Return ``model`` as a snapshot, after loading it once as a reader would.

    A model that readers would refuse is thus refused here, where it is trained.

    Parameters
    ----------
    model
        Any object made of admitted classes.
    admit
        Further classes, ``package.module:Name`` (``models.<name>.admit``).

    Raises
    ------
    SnapshotRefused
        The model cannot be pickled, or holds something that is not admitted.

    Examples
    --------
    >>> from river import stats
    >>> load(dump(stats.Mean()), max_bytes=1_000)
    Mean: 0.
    """
    try:
        payload = _pickle(model)
    except RecursionError:
        raise SnapshotRefused(
            "model: its objects are nested too deep to be pickled; limit the depth of the model (max_depth)"
        ) from None
    except Exception as error:
        raise SnapshotRefused(
            f"model: it cannot be pickled ({_line(error)}); keep lambdas, files and locks out of the model"
        ) from error
    data = _HEADER.pack(MAGIC, FORMAT_VERSION) + payload
    load(data, max_bytes=len(data), admit=admit)
    return data


def load(data: bytes, *, max_bytes: int, sha256: str | None = None, admit: Iterable[str] = ()) -> Any:
    """Return the model in a snapshot, or refuse it.

    Parameters
    ----------
    data
        The whole snapshot.
    max_bytes
        The cap, in bytes (``gates.max_snapshot_bytes``).
    sha256
        The expected digest of ``data`` in hexadecimal, from the manifest; ``None`` where the caller made the bytes.
    admit
        Further classes, ``package.module:Name`` (``models.<name>.admit``).

    Raises
    ------
    SnapshotRefused
        Any check failed. Nothing that the snapshot names has been imported or called unless it is admitted.
    """
    if len(data) > max_bytes:
        raise SnapshotRefused(
            f"snapshot: {len(data)} bytes are more than the cap of {max_bytes}; "
            "raise models.<name>.gates.max_snapshot_bytes if the model should be this large"
        )
    if sha256 is not None:
        actual = hashlib.sha256(data).hexdigest()
        if not hmac.compare_digest(actual.encode(), sha256.lower().encode()):
            raise SnapshotRefused(
                f"snapshot: its SHA-256 is {actual[:16]}…, the manifest says {sha256[:16]}…; "
                "the bytes are damaged or not the ones published: publish the version again"
            )
    return _unpickle(_payload(data), _entries(admit))


def _pickle(model: object) -> bytes:
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=_PROTOCOL)
    pickler.dispatch_table = without_entropy()
    pickler.dump(model)
    return buffer.getvalue()


def _payload(data: bytes) -> memoryview:
    """Return what follows the header."""
    if len(data) < _HEADER.size or data[:4] != MAGIC:
        raise SnapshotRefused(
            f"snapshot: it begins with {bytes(data[:4])!r}, not {MAGIC!r}; read a record of Trimtab's registry topic"
        )
    version = _HEADER.unpack_from(data)[1]
    if version != FORMAT_VERSION:
        raise SnapshotRefused(
            f"snapshot: format version {version}, this Trimtab reads {FORMAT_VERSION}; "
            "read it with the version of Trimtab that wrote it, or publish it again"
        )
    return memoryview(data)[_HEADER.size :]


def _entries(admit: Iterable[str]) -> frozenset[Name]:
    """Parse the user's list; a name with a dot would reach what a module merely imports."""
    names = []
    for entry in admit:
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise SnapshotRefused(
                f"models.<name>.admit: {entry!r} must look like package.module:Name, without a dot in Name"
            )
        names.append((match[1], match[2]))
    return frozenset(names)


def _unpickle(payload: memoryview, admit: frozenset[Name]) -> Any:
    unpickler = _AdmittingUnpickler(payload, admit)
    try:
        model = unpickler.load()
    except (KeyboardInterrupt, SystemExit, SnapshotRefused):
        unpickler.restore_classes()
        raise
    except RecursionError:
        unpickler.restore_classes()
        raise SnapshotRefused("snapshot: its objects are nested too deep; publish a smaller model") from None
    # River's Rust classes report a damaged state as a panic, which is not an Exception.
    except BaseException as error:
        unpickler.restore_classes()
        if isinstance(error, NotAdmitted):
            _refuse(f"it holds {error}", "keep it out of the model")
        raise SnapshotRefused(
            f"snapshot: its content is damaged ({_line(error)}); publish the version again"
        ) from error
    changed = unpickler.restore_classes()
    if changed:
        _refuse(f"it changes the class {changed[0]}", "do not trust where it came from")
    return model


class _AdmittingUnpickler(pickle.Unpickler):
    """An unpickler that resolves exact pairs only and remembers how the resolved classes looked."""

    def __init__(self, payload: memoryview, admit: frozenset[Name]) -> None:
        super().__init__(io.BytesIO(payload), fix_imports=False)
        self._admit = admit
        self._before: dict[int, tuple[Any, dict[str, Any]]] = {}

    def find_class(self, module: str, name: str) -> Any:
        pair = (module, name)
        found = _resolved.get(pair)
        if found is None:
            found = self._resolve(pair)
        if id(found) not in self._before:
            self._before[id(found)] = (found, _attributes(found))
        return found

    def _resolve(self, pair: Name) -> Any:
        module, name = pair
        listed = pair in ADMITTED
        if not listed and pair not in self._admit:
            if "." in name:
                _refuse(f"it names {module}:{name}, a dotted name", "keep only top-level classes in the model")
            _refuse(
                f"it names {module}:{name}, which is not admitted",
                f"if it is a class of yours, add it to models.<name>.admit as '{module}:{name}'",
            )
        try:
            found: Any = importlib.import_module(module)
            # Only names in our own list may hold a dot; they were followed when the list was reviewed.
            for part in name.split(".") if listed else (name,):
                found = getattr(found, part)
        except (ImportError, AttributeError) as error:
            raise SnapshotRefused(
                f"snapshot: {module}:{name} does not exist here ({_line(error)}); "
                "install the River version, or your package, that the manifest names"
            ) from error
        if listed:
            _resolved[pair] = found
        return found

    def restore_classes(self) -> list[str]:
        """Undo changes to the classes and functions that the pickle named; return the names of the changed."""
        changed = []
        for found, before in self._before.values():
            after = _attributes(found)
            # By identity: the pickle may have given the class an __eq__ of its choice.
            if [*after] == [*before] and [*map(id, after.values())] == [*map(id, before.values())]:
                continue
            changed.append(f"{found.__module__}:{found.__qualname__}")
            for name in after.keys() - before.keys():
                delattr(found, name)
            for name, value in before.items():
                if after.get(name) is not value:
                    setattr(found, name, value)
        return changed


def _attributes(found: Any) -> dict[str, Any]:
    """Return the attributes of a class or function that a pickle could set."""
    if isinstance(found, type):
        if found.__flags__ & _IMMUTABLE_TYPE:
            return {}
        attributes = dict(vars(found))
        # copyreg caches this one on a class at its first pickling, which another thread may be doing now.
        attributes.pop("__slotnames__", None)
        return attributes
    if isinstance(found, FunctionType):
        return {"__defaults__": found.__defaults__, "__kwdefaults__": found.__kwdefaults__, **vars(found)}
    return {}


def _refuse(what: str, remedy: str) -> NoReturn:
    raise SnapshotRefused(f"snapshot: {what}; {remedy}")


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
