"""The canonical encoding of a model's state, from which its digest is made.

Objects are taken apart as pickle would (``parts``), so River's Rust objects count by the state they give to pickle.
Every container and object becomes a token: its encoding, or the SHA-256 of it when that is longer than 64 bytes. A
token is made once per object, so shared objects cost nothing and count by value. An object that is reached from
inside itself is written as the distance, in objects visited, to where it began.
"""

from __future__ import annotations

import hashlib
import random
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import lru_cache
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Final

import numpy as np

from trimtab.errors import RegistryError
from trimtab.registry.parts import attributes, reduced

__all__ = ["ATOMS", "Encoder"]

_SHORT_BYTES: Final = 64
_FLOAT: Final = struct.Struct("<d")
_MERSENNE: Final = struct.Struct("<625I")
_INDEX, _TOKEN = 1, 2  # of an entry of Encoder._seen

Encode = Callable[[Any], bytes]


@lru_cache(maxsize=8_192)
def _text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return b"s%d:%b" % (len(data), data)


def _bytes(value: bytes) -> bytes:
    return b"b%d:%b" % (len(value), value)


def _global(value: Any) -> bytes:
    return _text(f"{value.__module__}:{value.__qualname__}").replace(b"s", b"g", 1)


def _numpy_scalar(value: np.generic) -> bytes:
    return b"N" + _text(value.dtype.str) + _bytes(value.tobytes())


# Of these types exactly; a subclass is an object with a state of its own.
ATOMS: Final[dict[type, Encode]] = {
    type(None): lambda _: b"z",
    bool: lambda value: b"t" if value else b"f",
    int: lambda value: b"i%d;" % value,
    float: lambda value: b"d" + _FLOAT.pack(value),
    str: _text,
    bytes: _bytes,
    bytearray: lambda value: b"B" + _bytes(bytes(value)),
    type: _global,
    FunctionType: _global,
}


class Encoder:
    """One walk over a model; it remembers the token of every object it has seen.

    The walk is Tarjan's: an object is *closed* when nothing in it points back above it, and only the token of a
    closed object is independent of where the walk came from. The objects of a cycle close together, at its head.
    """

    __slots__ = ("_count", "_low", "_open", "_seen")

    def __init__(self) -> None:
        # id -> [object (kept alive, so that its id stays its own), index of the visit, token once closed]
        self._seen: dict[int, list[Any]] = {}
        self._open: list[list[Any]] = []
        self._count = 0
        self._low = 0

    def value(self, value: Any) -> bytes:
        """Return the encoding of an atom, or the token of anything else."""
        cls = type(value)
        atom = ATOMS.get(cls)
        if atom is not None:
            return atom(value)
        entry = self._seen.get(id(value))
        if entry is not None:
            token: bytes | None = entry[_TOKEN]
            if token is None:
                self._low = min(self._low, entry[_INDEX])
                return b"@%d;" % (self._count - entry[_INDEX])
            return token
        return self._visit(value, cls)

    def _visit(self, value: Any, cls: type) -> bytes:
        index = self._count
        self._count = index + 1
        entry: list[Any] = [value, index, None]
        self._seen[id(value)] = entry
        above, self._low = self._low, index
        bottom = len(self._open)
        body = _BODIES.get(cls)
        if body is not None:
            payload = body(self, value)
        elif (state := attributes(value, cls)) is not None:
            payload = b"o" + _global(cls) + self._mapping(state)
        else:
            payload = self._other(value, cls)
        token = payload if len(payload) <= _SHORT_BYTES else b"#" + hashlib.sha256(payload).digest()
        if self._low == index:
            entry[_TOKEN] = token
            self._close(token, index, bottom)
            self._low = above
        else:
            self._open.append(entry)
            self._low = min(self._low, above)
        return token

    def _close(self, token: bytes, head: int, bottom: int) -> None:
        """Give the members of a cycle their tokens: the cycle's, and their place in it."""
        for entry in self._open[bottom:]:
            entry[_TOKEN] = b"%%%d;%b" % (entry[_INDEX] - head, token)
        del self._open[bottom:]

    def _mapping(self, items: dict[Any, Any]) -> bytes:
        """Encode sorted by key: no encoding is the beginning of another, so sorting the pairs sorts the keys."""
        atoms = ATOMS
        pairs = []
        for key, value in items.items():
            encode_key, encode = atoms.get(type(key)), atoms.get(type(value))
            pairs.append(
                (self.value(key) if encode_key is None else encode_key(key))
                + (self.value(value) if encode is None else encode(value))
            )
        pairs.sort()
        return b"m%d:%b" % (len(pairs), b"".join(pairs))

    def _sequence(self, items: Iterable[Any]) -> bytes:
        atoms = ATOMS
        parts = []
        for item in items:
            encode = atoms.get(type(item))
            parts.append(self.value(item) if encode is None else encode(item))
        return b"l%d:%b" % (len(parts), b"".join(parts))

    def _ordered(self, items: OrderedDict[Any, Any]) -> bytes:
        return b"O" + self._sequence([part for pair in items.items() for part in pair])

    def _set(self, items: Iterable[Any]) -> bytes:
        parts = []
        for item in items:
            part = self.value(item)
            if id(item) in self._seen and self._seen[id(item)][_TOKEN] is None:
                raise RegistryError(
                    f"model: a set holds a {type(item).__name__} that points back to it, which has no canonical "
                    "order; keep such objects in a list or dict"
                )
            parts.append(part)
        parts.sort()
        return b"%d:%b" % (len(parts), b"".join(parts))

    def _random(self, value: random.Random) -> bytes:
        version, words, gauss_next = value.getstate()
        return b"r%d;%b%b" % (version, _MERSENNE.pack(*words), self.value(gauss_next))

    def _array(self, value: np.ndarray[Any, Any]) -> bytes:
        head = b"A" + _text(value.dtype.str) + self._sequence(value.shape)
        if value.dtype.hasobject:
            return head + self._sequence(value.ravel().tolist())
        return head + _bytes(value.tobytes())

    def _other(self, value: Any, cls: type) -> bytes:
        if isinstance(value, type):
            return _global(value)
        # Without an owner it is a function of a module; otherwise a bound method, which pickle takes apart.
        if cls is BuiltinFunctionType and isinstance(value.__self__, (ModuleType, type(None))):
            return _global(value)
        if isinstance(value, np.generic):
            return _numpy_scalar(value)
        parts = reduced(value, cls)
        if isinstance(parts, str):
            return b"g" + _text(f"{cls.__module__}:{parts}")
        payload = b"R" + self.value(parts.make) + self._sequence(parts.args)
        state = parts.state
        payload += self._mapping(state) if type(state) is dict else self.value(state)
        if parts.items is not None:
            payload += self._sequence(parts.items)
        if parts.pairs is not None:
            # A subclass of OrderedDict keeps its order, as its base does.
            ordered = isinstance(value, OrderedDict)
            payload += self._ordered(OrderedDict(parts.pairs)) if ordered else self._mapping(parts.pairs)
        return payload


_BODIES: Final[dict[type, Callable[[Encoder, Any], bytes]]] = {
    dict: Encoder._mapping,
    list: lambda self, value: b"L" + self._sequence(value),
    tuple: lambda self, value: b"T" + self._sequence(value),
    set: lambda self, value: b"S" + self._set(value),
    frozenset: lambda self, value: b"F" + self._set(value),
    OrderedDict: Encoder._ordered,
    random.Random: Encoder._random,
    np.ndarray: Encoder._array,
}
