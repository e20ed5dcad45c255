"""A signature fits one record under one key of one topic, and nothing else."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.registry.signatures import ED, HMAC, OTHER, SIGNER, TRUST, signed, text
from trimtab.config import Config, KeySpec, parse_config
from trimtab.errors import ConfigError, RegistryError
from trimtab.registry.keys import Key, new_key
from trimtab.registry.signing import TRUSTING, UNSIGNED, SignatureRefused, Signer, Trust, signed_bytes

KEY = "credit/versions/1"
RECORD: dict[str, Any] = {"model": "credit", "version": 1, "snapshot": {"sha256": "ab"}}

scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=5)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
records = st.dictionaries(st.text(max_size=4).filter(lambda name: name != "signature"), values, max_size=5)


@given(record=records, key=st.text(max_size=9), hmac=st.booleans())
def test_what_is_signed_is_believed_in_any_order_of_fields(record: dict[str, Any], key: str, hmac: bool) -> None:
    made = Signer(HMAC if hmac else ED).signed("registry", key, record)
    TRUST.check("registry", key, dict(reversed(made.items())))
    assert {name: value for name, value in made.items() if name != "signature"} == record


@given(left=st.tuples(st.text(max_size=4), records), right=st.tuples(st.text(max_size=4), records))
def test_different_records_have_different_bytes(
    left: tuple[str, dict[str, Any]], right: tuple[str, dict[str, Any]]
) -> None:
    same = signed_bytes("registry", *left) == signed_bytes("registry", *right)
    # As JSON: 1 and True are equal in Python.
    assert same == (repr((left[0], _sorted(left[1]))) == repr((right[0], _sorted(right[1]))))
    assert signed_bytes("registry", *left) != signed_bytes("state", *left)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return [(name, _sorted(value[name])) for name in sorted(value)]
    if isinstance(value, list):
        return ["list", *map(_sorted, value)]
    return value


@given(record=records, key=st.text(max_size=5), bit=st.integers(0, 511), hmac=st.booleans())
def test_every_flipped_bit_of_a_signature_is_found(record: dict[str, Any], key: str, bit: int, hmac: bool) -> None:
    made = Signer(HMAC if hmac else ED).signed("registry", key, record)
    value = bytearray(base64.b64decode(made["signature"]["value"]))
    value[bit // 8 % len(value)] ^= 1 << bit % 8
    made["signature"] = made["signature"] | {"value": text(bytes(value))}
    with pytest.raises(SignatureRefused, match="does not fit"):
        TRUST.check("registry", key, made)


@given(record=records.filter(bool), data=st.data())
def test_every_changed_field_is_found(record: dict[str, Any], data: st.DataObject) -> None:
    made = signed(KEY, record)
    name = data.draw(st.sampled_from(sorted(record)))
    for changed in (
        {**made, name: [record[name]]},
        {n: v for n, v in made.items() if n != name},
        {**made, "new 12": 1},
    ):
        with pytest.raises(SignatureRefused, match="does not fit"):
            TRUST.check("registry", KEY, changed)


def test_a_record_cannot_be_moved() -> None:
    made = signed(KEY, RECORD)
    for topic, key in (("registry", "credit/versions/2"), ("registry", "other/versions/1"), ("state", KEY)):
        with pytest.raises(SignatureRefused, match=f"{key}: its signature by key 'main' does not fit"):
            TRUST.check(topic, key, made)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("signature", "said"),
    [
        (None, "it is not signed, and registry.require_signature is on"),
        ("text", "damaged"),
        ([], "damaged"),
        ({}, "damaged"),
        ({"key_id": "main", "algorithm": "ed25519"}, "damaged"),
        ({"key_id": "main", "algorithm": "ed25519", "value": "", "more": ""}, "damaged"),
        ({"key_id": 1, "algorithm": "ed25519", "value": ""}, "damaged"),
        ({"key_id": "main", "algorithm": None, "value": ""}, "damaged"),
        ({"key_id": "main", "algorithm": "ed25519", "value": "a*"}, "not base64"),
        ({"key_id": "main", "algorithm": "ed25519", "value": "\u00e9"}, "not base64"),
        ({"key_id": "main", "algorithm": "ed25519", "value": ""}, "does not fit"),
        ({"key_id": "main", "algorithm": "ed25519", "value": text(bytes(64))}, "does not fit"),
        ({"key_id": "main", "algorithm": "hmac", "value": text(bytes(32))}, "says algorithm 'hmac', key 'main' is of"),
        ({"key_id": "main", "algorithm": "none", "value": ""}, "says algorithm 'none'"),
        ({"key_id": "old", "algorithm": "hmac", "value": ""}, r"key 'old', which is not among .* \(main, shared\)"),
        ({"key_id": "x" * 5_000, "algorithm": "hmac", "value": ""}, "which is not among"),
    ],
)
def test_what_is_no_signature_is_refused_in_a_short_line(signature: Any, said: str) -> None:
    with pytest.raises(SignatureRefused, match=said) as refused:
        TRUST.check("registry", KEY, RECORD | ({} if signature is None else {"signature": signature}))
    assert isinstance(refused.value, RegistryError)
    assert str(refused.value).startswith(f"{KEY}: ")
    assert len(str(refused.value)) < 500
    assert refused.value.key == KEY
    named = signature.get("key_id") if isinstance(signature, dict) else None
    assert refused.value.key_id == (named[:100] if isinstance(named, str) else None)


def test_a_public_key_is_no_hmac_secret() -> None:
    """The classic confusion: whoever knows the public key signs with it as if it were a secret."""
    forged = Signer(Key("main", "hmac", ED.public)).signed("registry", KEY, RECORD)
    for made in (forged, forged | {"signature": forged["signature"] | {"algorithm": "ed25519"}}):
        with pytest.raises(SignatureRefused):
            TRUST.check("registry", KEY, made)


def test_another_key_of_the_same_id_is_refused() -> None:
    with pytest.raises(SignatureRefused, match="or with another key of this id"):
        TRUST.check("registry", KEY, signed(KEY, RECORD, Signer(OTHER)))


def test_what_is_nested_too_deep_to_be_written_is_refused() -> None:
    deep: Any = 1
    for _ in range(600):
        deep = [deep]
    with pytest.raises(SignatureRefused):
        TRUST.check("registry", KEY, signed(KEY, RECORD) | {"deep": deep})


def test_rotation_old_and_new_are_believed_until_the_old_one_is_removed() -> None:
    new = Key("next", "hmac", bytes([9]) * 32)
    before, after = signed(KEY, RECORD), signed(KEY, RECORD, Signer(new))
    both, later = Trust({"main": ED, "next": new}, required=True), Trust({"next": new}, required=True)
    for record in (before, after):
        both.check("registry", KEY, record)
    later.check("registry", KEY, after)
    with pytest.raises(SignatureRefused, match=r"key 'main', which is not among registry.keys \(next\)"):
        later.check("registry", KEY, before)
    # Signed again, the old signature is replaced.
    assert signed(KEY, before, Signer(new)) == after


def test_without_requirement_a_known_key_must_fit_and_the_rest_is_taken() -> None:
    lax = Trust({"main": ED})
    for record in (RECORD, signed(KEY, RECORD), signed(KEY, RECORD, Signer(HMAC))):
        lax.check("registry", KEY, record)
    with pytest.raises(SignatureRefused):
        lax.check("registry", KEY, signed(KEY, RECORD) | {"version": 2})
    TRUSTING.check("registry", KEY, RECORD | {"signature": "anything"})
    assert UNSIGNED.signed("registry", KEY, RECORD) == RECORD
    assert (lax.looks, TRUSTING.looks, Trust(required=True).looks) == (True, False, True)


# ---------------------------------------------------------------- keys of the configuration

SEED, PUBLIC = text(bytes([1]) * 32), text(ED.public or b"")


def configured(registry: str, **variables: str) -> Config:
    model = "models: {m: {task: binary, features: {x: {type: numeric}}, factory: {function: 'a:b'}}}\n"
    environ = {f"TRIMTAB_REGISTRY__{name}": value for name, value in variables.items()}
    return parse_config(model + f"registry: {registry}", source="t.yaml", environ=environ)


def test_a_reader_needs_no_private_key_and_the_trainer_takes_it_from_the_environment() -> None:
    text = f"{{require_signature: true, sign_with: main, keys: {{main: {{algorithm: ed25519, public_key: {PUBLIC}}}}}}}"
    reader = configured(text)
    trust = Trust.of(reader)
    assert trust.keys["main"].secret is None
    with pytest.raises(ConfigError, match="TRIMTAB_REGISTRY__KEYS__MAIN__PRIVATE_KEY"):
        Signer.of(reader)
    trainer = configured(text, KEYS__MAIN__PRIVATE_KEY=SEED)
    trust.check("registry", KEY, Signer.of(trainer).signed("registry", KEY, RECORD))
    assert SEED not in repr(trainer) + repr(Signer.of(trainer)) + str(trainer.model_dump())


def test_a_key_can_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(SEED + "\n")
    config = configured(f"{{sign_with: k, keys: {{k: {{algorithm: ed25519, private_key_file: {path}}}}}}}")
    assert Trust.of(config).keys["k"].public == ED.public
    assert Signer.of(config).key == Key("k", "ed25519", bytes([1]) * 32, ED.public)
    shared = configured(f"{{sign_with: k, keys: {{k: {{algorithm: hmac, secret_file: {path}}}}}}}")
    Trust.of(shared).check("registry", KEY, Signer.of(shared).signed("registry", KEY, RECORD))
    # A reader of one file for all does not even look for the private key.
    reader = f"{{k: {{algorithm: ed25519, public_key: {PUBLIC}, private_key_file: /nowhere/key}}}}"
    assert Trust.of(configured(f"{{keys: {reader}}}")).keys["k"].secret is None


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"algorithm": "hmac", "secret": "hunter2!"}, "is not base64"),
        ({"algorithm": "hmac", "secret": text(bytes(31))}, "it has 31 bytes, not 32 or more"),
        ({"algorithm": "ed25519", "private_key": text(bytes(33))}, "it has 33 bytes, not 32;"),
        ({"algorithm": "ed25519", "public_key": text(bytes(31))}, "public_key: it has 31 bytes"),
        ({"algorithm": "ed25519", "private_key": SEED, "public_key": text(bytes(32))}, "is not that of private_key"),
        ({"algorithm": "hmac", "secret_file": "/nowhere/key"}, "/nowhere/key cannot be read: No such file"),
    ],
)
def test_a_key_that_is_not_usable_is_refused_without_a_part_of_it(spec: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        Key.of("k", KeySpec.model_validate(spec))
    shown = str(refused.value) + repr(refused.value.__cause__)
    assert str(refused.value).startswith("registry.keys.k")
    assert not any(spec.get(name, "?") in shown for name in ("secret", "private_key"))


@pytest.mark.parametrize(
    ("registry", "said"),
    [
        ("{require_signature: true}", "no record could be believed without keys"),
        ("{sign_with: k}", "it is not the id of a key in keys; there are: none"),
        ("{keys: {k: {algorithm: hmac}}}", "the key is missing; give secret or secret_file"),
        ("{keys: {k: {algorithm: ed25519}}}", "the key is missing; give public_key, private_key"),
        ("{keys: {k: {algorithm: hmac, public_key: hunter2}}}", "public_key is not of a key of algorithm hmac"),
        ("{keys: {k: {algorithm: ed25519, secret: hunter2}}}", "secret is not of a key of algorithm ed25519"),
        ("{keys: {k: {algorithm: hmac, secret: hunter2, secret_file: /x}}}", "give secret or secret_file, not both"),
        ("{keys: {k/v: {algorithm: hmac, secret: hunter2}}}", "a key id has letters"),
        ("{keys: {k: {algorithm: hunter2}}}", "write one of ed25519, hmac"),
        ("{keys: {k: {algorithm: hmac, secret: [hunter2]}}}", "must be text"),
        ("{keys: {k: hunter2}}", "must be a mapping"),
    ],
)
def test_a_wrong_section_is_refused_without_quoting_it(registry: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        configured(registry)
    assert said in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_who_must_sign_and_cannot_is_told() -> None:
    with pytest.raises(ConfigError, match=r"registry\.sign_with: it is missing"):
        Signer.of(configured(f"{{require_signature: true, keys: {{k: {{algorithm: hmac, secret: {SEED}}}}}}}"))
    assert Signer.of(configured("{}")).key is None
    with pytest.raises(ConfigError, match="nothing can be signed"):
        Key("k", "ed25519", None, ED.public).sign(b"")
    assert not Key("k", "ed25519").verifies(b"", b"")


def test_new_keys_differ_and_fit() -> None:
    for algorithm in ("ed25519", "hmac"):
        private, public = new_key(algorithm)
        assert new_key(algorithm)[0] != private
        spec = {"algorithm": algorithm, "secret" if public is None else "private_key": private}
        key = Key.of("k", KeySpec.model_validate(spec | ({} if public is None else {"public_key": public})))
        assert key.verifies(b"x", key.sign(b"x"))
        assert private not in repr(key)


def test_the_format_is_fixed() -> None:
    """Signatures that were written stay valid: these bytes may never change."""
    made = SIGNER.signed("registry", KEY, {"b": 1.5, "a": ["é", None, True]})
    expected = '{"a":["é",null,true],"b":1.5}'.encode()
    assert signed_bytes("registry", KEY, made) == b"trimtab signed record 1/registry/17/credit/versions/1" + expected
    assert set(made["signature"]) == {"key_id", "algorithm", "value"}
