"""What an attacker may put into the registry: nothing of it runs or loads, and each case gives its typed error.

The payloads of the first part are signed with a key that is believed: whoever has that may still not run anything.
"""

from __future__ import annotations

import builtins
import functools
import operator
import os
import pickle
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from river import linear_model

from tests.unit.registry.signatures import ED, HMAC, OTHER, SIGNER, TRUST, manifest_of, signed, text
from trimtab.errors import RegistryError
from trimtab.registry.keys import Key
from trimtab.registry.loading import load_recorded
from trimtab.registry.records import inline_snapshot, online_key, version_key
from trimtab.registry.signing import SignatureRefused, Signer, Trust
from trimtab.registry.snapshot import MAGIC, SnapshotRefused, dump

HEADER = MAGIC + b"\0\1"
CAP = 100_000
KEY = version_key("credit", 1)
MODEL = dump(linear_model.LogisticRegression())


class Calls:
    """Pickled as a call."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


class Built(Calls):
    """Pickled as a call whose result gets a state."""

    def __reduce__(self) -> Any:
        return (*self.call, {"call": 1})


def short(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def named(module: str, name: str) -> bytes:
    return short(module) + short(name) + b"\x93"


def code(body: bytes) -> bytes:
    return b"\x80\x04" + body + b"."


def chain(command: str, depth: int) -> Any:
    """``functools.partial`` of ``functools.partial`` of ... ``os.system``."""
    made: Any = functools.partial(os.system, command)
    for _ in range(depth):
        made = functools.partial(operator.call, made)
    return Calls(functools.partial, made)


def laughs(depth: int) -> bytes:
    """Lists of two of the list before: 2^depth entries for who walks them."""
    return code(b"]q\x00" + b"](h\x00h\x00eq\x00" * depth)


def hidden(command: str) -> Any:
    model = linear_model.LogisticRegression()
    model.optimizer = Calls(os.system, command)
    return model


PAYLOADS: dict[str, tuple[Callable[[str], bytes], str]] = {
    **{
        f"os.system by REDUCE, protocol {p}": (
            functools.partial(lambda p, c: pickle.dumps(Calls(os.system, c), p), p),
            "system, which is not admitted",
        )
        for p in range(6)
    },
    "subprocess.Popen": (lambda c: pickle.dumps(Calls(subprocess.Popen, ["touch", c])), "Popen"),
    "subprocess.check_output": (lambda c: pickle.dumps(Calls(subprocess.check_output, [c])), "check_output"),
    "eval": (lambda c: pickle.dumps(Calls(builtins.eval, c)), "builtins:eval"),
    "exec": (lambda c: pickle.dumps(Calls(builtins.exec, c)), "builtins:exec"),
    "__import__": (lambda c: pickle.dumps(Calls(builtins.__import__, "os")), "__import__"),
    "open": (lambda c: pickle.dumps(Calls(open, c.split()[1], "w")), ":open"),
    "in a model's attribute": (lambda c: pickle.dumps(hidden(c)), ":system"),
    "with a state": (lambda c: pickle.dumps(Built(os.system, c)), ":system"),
    "pickle in a pickle": (lambda c: pickle.dumps(Calls(pickle.loads, pickle.dumps(Calls(os.system, c)))), "loads"),
    "partial": (lambda c: pickle.dumps(functools.partial(os.system, c)), ":system"),
    "partial chain of 2": (lambda c: pickle.dumps(chain(c, 2)), "not admitted"),
    "partial chain of 30": (lambda c: pickle.dumps(chain(c, 30)), "not admitted"),
    "partial of getattr": (lambda c: pickle.dumps(Calls(getattr, functools.partial(dict), "func")), "bound method"),
    "attrgetter": (lambda c: pickle.dumps(Calls(operator.attrgetter, "system")), "attrgetter"),
    "methodcaller": (lambda c: pickle.dumps(Calls(operator.methodcaller, "system", c)), "methodcaller"),
    "GLOBAL": (lambda c: code(b"cposix\nsystem\n(" + short(c) + b"tR"), "posix:system"),
    "INST": (lambda c: code(b"(S'" + c.encode() + b"'\niposix\nsystem\n"), "posix:system"),
    "OBJ": (lambda c: code(b"(cposix\nsystem\n" + short(c) + b"o"), "posix:system"),
    "NEWOBJ": (lambda c: code(named("subprocess", "Popen") + b"(" + short(c) + b"t\x81"), "Popen"),
    "NEWOBJ_EX": (lambda c: code(named("subprocess", "Popen") + b"(" + short(c) + b"t}\x92"), "Popen"),
    "EXT1": (lambda c: code(b"\x82\x01"), "damaged"),
    "persistent id": (lambda c: code(short(c) + b"Q"), "damaged"),
    "os of River's datasets": (lambda c: code(named("river.datasets.base", "os")), r"river\.datasets\.base:os"),
    "os.system of River's datasets": (
        lambda c: code(named("river.datasets.base", "os.system") + b"(" + short(c) + b"tR"),
        "dotted name",
    ),
    "dotted __globals__": (
        lambda c: code(named("river.linear_model.log_reg", "LogisticRegression.__init__.__globals__")),
        "dotted name",
    ),
    "dotted __class__": (lambda c: code(named("builtins", "int.__class__")), "dotted name"),
    "dotted module": (lambda c: code(named("river", "linear_model.LogisticRegression")), "dotted name"),
    "name of a package's import": (lambda c: code(named("river.preprocessing.scale", "np")), "not admitted"),
    "relative module": (lambda c: code(named("..os", "system")), "not admitted"),
    "empty name": (lambda c: code(named("os", "")), "not admitted"),
    "name that is no text": (lambda c: code(b"K\x01K\x02\x93"), "damaged"),
    "a class made anew": (lambda c: code(named("builtins", "type") + b"(" + short("X") + b")}tR"), "builtins:type"),
    "a function from code": (lambda c: code(named("types", "FunctionType")), "types:FunctionType"),
    "copyreg": (lambda c: code(named("copyreg", "__newobj__")), "copyreg:__newobj__"),
    "ctypes": (lambda c: code(named("ctypes", "CDLL") + b"(" + short("libc.so.6") + b"tR"), "ctypes:CDLL"),
    "numpy.load": (lambda c: code(named("numpy", "load") + b"(" + short("/etc/passwd") + b"tR"), "numpy:load"),
    "numpy objects": (lambda c: code(named("numpy", "dtype") + b"(" + short("O8") + b"tR"), "NumPy type"),
    "a class changed": (
        lambda c: code(
            named("river.linear_model.log_reg", "LogisticRegression")
            + b"N}"
            + short("predict_one")
            + named("builtins", "dict")
            + b"s\x86b"
        ),
        "changes the class",
    ),
    "billion laughs": (lambda c: laughs(60), "a list, which is no model"),
    "nested too deep": (lambda c: code(b"(" * 40_000 + b"t" * 40_000), "damaged|no model|nested too deep"),
    "a length of 2^62": (lambda c: code(b"\x8e" + (2**62).to_bytes(8, "little") + b"x"), "damaged"),
    "a frame of 2^62": (lambda c: b"\x80\x04\x95" + (2**62).to_bytes(8, "little") + b"N.", "damaged"),
    "no model": (lambda c: code(b"N"), "a NoneType, which is no model"),
    "a class in place of a model": (
        lambda c: code(named("river.linear_model.log_reg", "LogisticRegression")),
        "EstimatorMeta, which is no model",
    ),
    "no stop": (lambda c: b"\x80\x04N", "damaged"),
    "an unknown protocol": (lambda c: b"\x80\xff" + b"N.", "damaged"),
    "stack underflow": (lambda c: code(b"R"), "damaged"),
    "nothing": (lambda c: b"", "damaged"),
}


@pytest.fixture
def command(tmp_path: Path) -> Iterator[str]:
    """A shell command that would leave a trace."""
    path = tmp_path / "executed"
    yield f"touch {path}"
    assert not path.exists()


def opened(key: str, record: dict[str, Any], data: bytes, trust: Trust = TRUST) -> Any:
    return load_recorded(key, record, trust=trust, max_bytes=CAP, fetch=lambda ref: data)


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_signed_payload_neither_runs_nor_loads(name: str, command: str) -> None:
    make, said = PAYLOADS[name]
    data = HEADER + make(command)
    with pytest.raises(RegistryError, match=said) as refused:
        load_recorded(KEY, signed(KEY, manifest_of(data)), trust=TRUST, max_bytes=1_000_000, fetch=lambda ref: data)
    assert "\n" not in str(refused.value)
    # The same without a signature is refused for that, unread.
    with pytest.raises(SignatureRefused):
        opened(KEY, manifest_of(data), data)


def test_the_payloads_are_real(tmp_path: Path) -> None:
    """Else they would be refused for the wrong reason."""
    path = tmp_path / "executed"
    real = [name for name in PAYLOADS if name.startswith("os.system")]
    for name in [*real, "GLOBAL", "INST", "OBJ", "partial chain of 2", "pickle in a pickle", "in a model's attribute"]:
        found = pickle.loads(PAYLOADS[name][0](f"touch {path}"))
        if isinstance(found, functools.partial):
            found()
        assert path.exists(), name
        path.unlink()
    assert len(real) == 7


# ---------------------------------------------------------------- forged, moved, damaged and oversized records

FORGED: dict[str, tuple[Callable[[], tuple[str, dict[str, Any], bytes]], type[RegistryError], str]] = {}


def case(
    name: str, error: type[RegistryError], said: str
) -> Callable[[Callable[[], Any]], Callable[[], tuple[str, dict[str, Any], bytes]]]:
    def register(make: Callable[[], Any]) -> Callable[[], Any]:
        FORGED[name] = (make, error, said)
        return make

    return register


def add(name: str, error: type[RegistryError], said: str, record: dict[str, Any], *, key: str = KEY) -> None:
    FORGED[name] = (lambda: (key, record, MODEL), error, said)


WHOLE = signed(KEY, manifest_of(MODEL))
EVIL = dump(linear_model.LinearRegression())
SIGNED_SNAPSHOT = WHOLE["snapshot"]

add("unsigned", SignatureRefused, "it is not signed", manifest_of(MODEL))
add("signature removed", SignatureRefused, "it is not signed", {**WHOLE, "signature": None})
add("another key of the same id", SignatureRefused, "does not fit", signed(KEY, manifest_of(MODEL), Signer(OTHER)))
add(
    "a key nobody knows",
    SignatureRefused,
    "key 'mine', which is not among",
    signed(KEY, manifest_of(MODEL), Signer(Key("mine", "hmac", bytes(32)))),
)
add(
    "the public key as a secret",
    SignatureRefused,
    "says algorithm 'hmac'",
    signed(KEY, manifest_of(MODEL), Signer(Key("main", "hmac", ED.public))),
)
add(
    "another algorithm",
    SignatureRefused,
    "says algorithm",
    {**WHOLE, "signature": {**WHOLE["signature"], "algorithm": "none"}},
)
add("an empty signature", SignatureRefused, "does not fit", {**WHOLE, "signature": {**WHOLE["signature"], "value": ""}})
add("an old champion under a new key", SignatureRefused, "does not fit", WHOLE, key=version_key("credit", 2))
add(
    "an old champion under a new key, renumbered",
    SignatureRefused,
    "does not fit",
    {**WHOLE, "version": 2},
    key=version_key("credit", 2),
)
add("another model's champion", SignatureRefused, "does not fit", WHOLE, key=version_key("loans", 1))
add("a version as online state", SignatureRefused, "does not fit", WHOLE, key=online_key("credit"))
add(
    "signed for the topic state",
    SignatureRefused,
    "does not fit",
    SIGNER.signed("state", KEY, manifest_of(MODEL)),
)
add("another snapshot", SignatureRefused, "does not fit", {**WHOLE, "snapshot": manifest_of(EVIL)["snapshot"]})
add("another hash", SignatureRefused, "does not fit", {**WHOLE, "snapshot": {**SIGNED_SNAPSHOT, "sha256": "0" * 64}})
add("bytes of its own", SignatureRefused, "does not fit", {**WHOLE, "snapshot": inline_snapshot(EVIL)})
add("an added field", SignatureRefused, "does not fit", {**WHOLE, "pinned": True})
add(
    "inline bytes of an online state exchanged",
    SignatureRefused,
    "does not fit",
    {**signed(online_key("credit"), {"snapshot": inline_snapshot(MODEL)}), "snapshot": inline_snapshot(EVIL)},
    key=online_key("credit"),
)
add("oversize by its record", RegistryError, "more than the cap", signed(KEY, manifest_of(bytes(CAP + 1))))
add("oversize inline", RegistryError, "more than the cap", signed(KEY, {"snapshot": inline_snapshot(bytes(CAP + 1))}))
add(
    "oversize inline that says it is small",
    RegistryError,
    "more than the cap",
    signed(KEY, {"snapshot": {**inline_snapshot(bytes(CAP + 1)), "size_bytes": 1}}),
)
add("no snapshot", RegistryError, "names no snapshot", signed(KEY, {"model": "credit"}))
add("a snapshot that is a list", RegistryError, "names no snapshot", signed(KEY, {"snapshot": []}))
add(
    "chunks that do not add up",
    RegistryError,
    "reference is damaged",
    signed(KEY, manifest_of(MODEL, snapshot={**SIGNED_SNAPSHOT, "size_bytes": 5})),
)
add(
    "a negative offset",
    RegistryError,
    "reference is damaged",
    signed(
        KEY, {"snapshot": {"size_bytes": 3, "sha256": "", "chunks": [{"partition": 1, "offset": -1, "size_bytes": 3}]}}
    ),
)
add(
    "inline bytes that are no base64",
    RegistryError,
    "inline bytes are damaged",
    signed(KEY, {"snapshot": {"size_bytes": 3, "sha256": "", "chunks": [], "inline": "a*"}}),
)


def _served(data: bytes, served: bytes) -> tuple[str, dict[str, Any], bytes]:
    return KEY, signed(KEY, manifest_of(data)), served


for _name, _data, _error, _said in (
    ("one bit of the bytes flipped", bytes([MODEL[0]]) + bytes([MODEL[1] ^ 1]) + MODEL[2:], SnapshotRefused, "SHA-256"),
    ("a chunk of another model", EVIL, SnapshotRefused, "SHA-256"),
    ("a chunk cut off", MODEL[:-1], SnapshotRefused, "SHA-256"),
    ("a chunk grown over the cap", MODEL + bytes(CAP), SnapshotRefused, "more than the cap"),
):
    FORGED[_name] = (functools.partial(_served, MODEL, _data), _error, _said)
for _name, _data, _said in (
    ("a pickle without header", pickle.dumps(1), "begins with"),
    ("compressed", zlib.compress(MODEL), "begins with"),
    ("format version 0", MAGIC + b"\0\0" + MODEL[6:], "format version 0"),
    ("format version 2", MAGIC + b"\0\2" + MODEL[6:], "format version 2"),
    ("format version 65535", MAGIC + b"\xff\xff" + MODEL[6:], "format version 65535"),
    ("truncated to the magic", MODEL[:4], "begins with"),
    ("truncated to the header", MODEL[:6], "damaged"),
    ("truncated in the middle", MODEL[: len(MODEL) // 2], "damaged"),
    ("truncated by one byte", MODEL[:-1], "damaged"),
):
    FORGED[_name] = (functools.partial(_served, _data, _data), SnapshotRefused, _said)


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_record_is_refused(name: str) -> None:
    make, error, said = FORGED[name]
    key, record, data = make()
    with pytest.raises(error, match=said) as refused:
        opened(key, record, data)
    assert "\n" not in str(refused.value)


def test_there_are_enough_of_them_and_an_honest_one_passes() -> None:
    assert len(PAYLOADS) + len(FORGED) >= 90
    for key in (KEY, online_key("credit")):
        for signer in (SIGNER, Signer(HMAC)):
            assert opened(key, signed(key, manifest_of(MODEL), signer), MODEL) is not None
            assert opened(key, signed(key, {"snapshot": inline_snapshot(MODEL)}, signer), b"") is not None


def test_the_checks_come_in_order() -> None:
    """A record with every fault is refused for the first; mended one by one, for the next."""
    fetched: list[int] = []

    def attempt(record: dict[str, Any], data: bytes, max_bytes: int) -> str:
        def fetch(ref: Any) -> bytes:
            fetched.append(ref.size_bytes)
            return data

        with pytest.raises(RegistryError) as refused:
            load_recorded(KEY, record, trust=TRUST, max_bytes=max_bytes, fetch=fetch)
        return str(refused.value)

    evil = code(named("os", "system"))
    all_wrong = b"TTS1\0\2" + evil
    record = manifest_of(all_wrong)
    wrong_hash = {**record, "snapshot": {**record["snapshot"], "sha256": "0" * 64}}
    assert "more than the cap of 5;" in attempt(wrong_hash, all_wrong, 5)
    assert "it is not signed" in attempt(wrong_hash, all_wrong, CAP)
    assert fetched == []
    assert "SHA-256" in attempt(signed(KEY, wrong_hash), all_wrong, CAP)
    assert fetched == [len(all_wrong)]
    assert "format version 2" in attempt(signed(KEY, record), all_wrong, CAP)
    right_version = HEADER + evil
    assert "os:system, which is not admitted" in attempt(signed(KEY, manifest_of(right_version)), right_version, CAP)


def test_the_cap_is_exact() -> None:
    for record in (signed(KEY, manifest_of(MODEL)), signed(KEY, {"snapshot": inline_snapshot(MODEL)})):
        load_recorded(KEY, record, trust=TRUST, max_bytes=len(MODEL), fetch=lambda ref: MODEL)
        with pytest.raises(RegistryError, match="more than the cap"):
            load_recorded(KEY, record, trust=TRUST, max_bytes=len(MODEL) - 1, fetch=lambda ref: MODEL)


def test_base64_of_the_signature_is_canonical_enough() -> None:
    """A signature that is written in another way is still one of the same record: nothing else is believed."""
    value = WHOLE["signature"]["value"]
    with pytest.raises(SignatureRefused):
        opened(KEY, {**WHOLE, "signature": {**WHOLE["signature"], "value": value + text(b"more")}}, MODEL)
