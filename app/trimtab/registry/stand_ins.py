"""Narrow stand-ins for callables that pickles of honest models name, but that can do more than a model needs.

=================================  ==========================================================================
in the pickle                      what is called instead
=================================  ==========================================================================
``builtins.getattr``               :func:`bound_method`: a listed method of a listed class, nothing else
``numpy.dtype``                    :class:`PlainDtype`: numbers and booleans only; a real dtype's state can
                                   turn bytes into object pointers
``numpy._core.multiarray.scalar``  :func:`plain_scalar`
``numpy._core.numeric._frombuffer``  :func:`plain_array`
=================================  ==========================================================================
"""

from __future__ import annotations

import re
from typing import Any, Literal

import numpy as np

from trimtab.registry.allowlist import BOUND_METHODS

__all__ = ["STAND_INS", "NotAdmitted", "PlainDtype", "bound_method", "plain_array", "plain_scalar"]

_PLAIN = re.compile(r"[biufc]\d{1,2}")


class NotAdmitted(Exception):
    """What a stand-in was asked for is not admitted; the message completes "it holds …"."""


def bound_method(owner: object, name: str) -> Any:
    """Return the method ``name`` of ``owner`` when this class and method are listed.

    >>> from river import drift
    >>> bound_method(drift.PageHinkley(), "_test_both").__name__
    '_test_both'
    >>> bound_method("text", "format")
    Traceback (most recent call last):
    trimtab.registry.stand_ins.NotAdmitted: the bound method builtins.str.format
    """
    cls = type(owner)
    if (cls.__module__, cls.__qualname__, name) not in BOUND_METHODS:
        raise NotAdmitted(f"the bound method {cls.__module__}.{cls.__qualname__}.{name}")
    # Taken from the class: an attribute of the object comes from the data.
    return getattr(cls, name).__get__(owner, cls)


class PlainDtype:
    """The type of a NumPy number, kept until the scalar or array that needs it is made.

    Parameters
    ----------
    code
        NumPy's code without byte order, such as ``f8``.
    """

    __slots__ = ("_code", "_order")

    def __init__(self, code: str, align: bool = False, copy: bool = False) -> None:
        del align, copy
        if not isinstance(code, str) or not _PLAIN.fullmatch(code):
            raise NotAdmitted(f"the NumPy type {code!r}")
        self._code = code
        self._order = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, order, subtype, names, fields, *_ = state
        if order not in ("<", ">", "|", "=") or (subtype, names, fields) != (None, None, None):
            raise NotAdmitted("a structured NumPy type")
        self._order = order

    def resolve(self) -> np.dtype[Any]:
        """Return the real type."""
        return np.dtype(self._order + self._code)


def _real(dtype: object) -> np.dtype[Any]:
    if type(dtype) is not PlainDtype:
        raise NotAdmitted(f"a NumPy value whose type is {type(dtype).__name__}")
    return dtype.resolve()


def plain_scalar(dtype: PlainDtype, data: bytes) -> Any:
    """Return the NumPy scalar with these bytes."""
    real = _real(dtype)
    if not isinstance(data, bytes) or len(data) != real.itemsize:
        raise NotAdmitted("a NumPy scalar of the wrong size")
    return np.frombuffer(data, dtype=real)[0]


def plain_array(
    data: bytes | bytearray,
    dtype: PlainDtype,
    shape: tuple[int, ...],
    order: Literal["C", "F", "K"],
    axis_order: tuple[int, ...] | None = None,
) -> np.ndarray[Any, Any]:
    """Return the NumPy array over these bytes; NumPy checks that ``shape`` fits them."""
    array = np.frombuffer(data, dtype=_real(dtype))
    if order == "K" and axis_order is not None:
        return array.reshape(shape, order="C").transpose(axis_order)
    return array.reshape(shape, order="F" if order == "F" else "C")


STAND_INS = {
    ("builtins", "getattr"): bound_method,
    ("numpy", "dtype"): PlainDtype,
    ("numpy._core.multiarray", "scalar"): plain_scalar,
    ("numpy._core.numeric", "_frombuffer"): plain_array,
}
