"""Snapshots come back as they were; what is not a snapshot of admitted parts is refused and runs nothing."""

from __future__ import annotations

import builtins
import functools
import hashlib
import io
import os
import pickle
import random
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from river import (
    base,
    compose,
    drift,
    ensemble,
    forest,
    linear_model,
    metrics,
    naive_bayes,
    neighbors,
    optim,
    preprocessing,
    proba,
    stats,
    tree,
)

from trimtab.registry.digest import state_diff
from trimtab.registry.snapshot import MAGIC, SnapshotRefused, dump, load

HEADER = MAGIC + b"\0\1"
CAP = 10_000_000


def binary(index: int, value: float) -> bool:
    return value > 0


def ternary(index: int, value: float) -> str:
    return "abc"[index % 3]


def number(index: int, value: float) -> float:
    return value


def scaled(model: Any) -> Any:
    return preprocessing.StandardScaler() | model


def trained(model: Any, label: Callable[[int, float], Any], rows: int = 300) -> Any:
    rng = random.Random(7)
    for index in range(rows):
        x = {name: rng.gauss(0, 1) for name in "uvwxyz"}
        model.predict_one(x)
        model.learn_one(x, label(index, x["u"] + x["v"] * x["w"]))
    return model


MODELS: dict[str, tuple[Callable[[], Any], Callable[[int, float], Any]]] = {
    "logistic": (lambda: scaled(linear_model.LogisticRegression(optim.SGD(0.1))), binary),
    "logistic-adam": (lambda: scaled(linear_model.LogisticRegression(optim.Adam())), binary),
    "softmax": (lambda: scaled(linear_model.SoftmaxRegression()), ternary),
    "linear": (lambda: scaled(linear_model.LinearRegression()), number),
    "bayes-linear": (linear_model.BayesianLinearRegression, number),
    "gaussian": (naive_bayes.GaussianNB, ternary),
    "bernoulli": (naive_bayes.BernoulliNB, binary),
    "passive": (linear_model.PAClassifier, binary),
    "perceptron": (linear_model.Perceptron, binary),
    "tree": (lambda: tree.HoeffdingTreeClassifier(grace_period=20, delta=0.1), binary),
    "adaptive-tree": (lambda: tree.HoeffdingAdaptiveTreeClassifier(grace_period=20, seed=1), binary),
    "tree-regressor": (lambda: tree.HoeffdingTreeRegressor(grace_period=20, delta=0.1), number),
    "forest": (lambda: forest.ARFClassifier(n_models=3, seed=1, grace_period=20), ternary),
    "forest-regressor": (lambda: forest.ARFRegressor(n_models=3, seed=1, grace_period=20), number),
    "neighbours": (lambda: neighbors.KNNClassifier(engine=neighbors.LazySearch(50)), binary),
    "leveraging": (
        lambda: ensemble.LeveragingBaggingClassifier(linear_model.LogisticRegression(), n_models=3, seed=1),
        binary,
    ),
    "min-max": (lambda: preprocessing.MinMaxScaler() | linear_model.LogisticRegression(), binary),
    "union": (
        lambda: (
            (
                (compose.Select("u", "v") | preprocessing.StandardScaler())
                + (compose.Discard("u") | preprocessing.Normalizer())
            )
            | linear_model.LogisticRegression()
        ),
        binary,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_trained_model_comes_back_and_learns_on_alike(name: str) -> None:
    make, label = MODELS[name]
    model = trained(make(), label)
    copy = load(dump(model), max_bytes=CAP)
    assert state_diff(model, copy) is None
    trained(model, label, rows=30)
    trained(copy, label, rows=30)
    assert state_diff(model, copy) is None


@pytest.mark.parametrize(
    "detector",
    [drift.ADWIN(), drift.KSWIN(seed=1), drift.PageHinkley(), drift.binary.DDM(), stats.Quantile(0.9), stats.Var()],
    ids=lambda detector: type(detector).__name__,
)
def test_detectors_and_statistics_come_back(detector: Any) -> None:
    rng = random.Random(3)
    for _ in range(200):
        detector.update(rng.random() > 0.5 if isinstance(detector, drift.binary.DDM) else rng.random())
    assert state_diff(detector, load(dump(detector), max_bytes=CAP)) is None


def test_metrics_and_numpy_values_come_back() -> None:
    metric = metrics.ROCAUC()
    metric.update(True, {True: 0.7, False: 0.3})
    state = [metric, np.float64(1.5), np.arange(6.0).reshape(2, 3), np.asfortranarray(np.eye(3)), np.int32(4)]
    copy = load(dump(state), max_bytes=CAP)
    assert state_diff(state, copy) is None


# ---------------------------------------------------------------- attacks

NAMES_THAT_MUST_NOT_LOAD = [
    ("os", "system"),
    ("posix", "system"),
    ("subprocess", "Popen"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("builtins", "open"),
    ("builtins", "__import__"),
    ("builtins", "type"),
    ("operator", "attrgetter"),
    ("operator", "methodcaller"),
    ("importlib", "import_module"),
    ("pickle", "loads"),
    ("numpy", "load"),
    ("river.datasets.base", "os.system"),
    ("river.datasets.base", "os"),
    ("river.preprocessing.scale", "StandardScaler.learn_one"),
    ("river.preprocessing.scale", "np.load"),
    ("river.datasets.phishing", "Phishing"),
    ("river", "linear_model.LogisticRegression"),
    ("collections", "namedtuple"),
    ("collections", "_sys.modules"),
]


def stack_global(module: str, name: str) -> bytes:
    def text(value: str) -> bytes:
        return b"\x8c" + bytes([len(value)]) + value.encode()

    return text(module) + text(name) + b"\x93"


def short_text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def called(function: bytes, *args: bytes) -> bytes:
    return function + b"(" + b"".join(args) + b"tR"


def snapshot(body: bytes) -> bytes:
    return HEADER + b"\x80\x04" + body + b"."


@pytest.fixture
def marker(tmp_path: Path) -> Iterator[Path]:
    """A file that an attack would make; it is missing after the test."""
    path = tmp_path / "executed"
    yield path
    assert not path.exists()


@pytest.mark.parametrize(("module", "name"), NAMES_THAT_MUST_NOT_LOAD)
def test_an_unlisted_name_is_refused_and_not_called(module: str, name: str, marker: Path) -> None:
    attack = called(stack_global(module, name), short_text(f"touch {marker}"))
    with pytest.raises(SnapshotRefused, match=name.replace(".", r"\.")) as refused:
        load(snapshot(attack), max_bytes=CAP)
    assert "\n" not in str(refused.value)


def test_the_attack_would_run_in_a_plain_unpickler(tmp_path: Path) -> None:
    """Else the tests above would pass for the wrong reason."""
    path = tmp_path / "executed"
    for module, name in (("os", "system"), ("river.datasets.base", "os.system")):
        pickle.loads(snapshot(called(stack_global(module, name), short_text(f"touch {path}")))[6:])
        assert path.exists()
        path.unlink()


class Runs:
    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_is_guarded(protocol: int, marker: Path) -> None:
    data = HEADER + pickle.dumps(Runs(os.system, f"touch {marker}"), protocol)
    with pytest.raises(SnapshotRefused, match=":system, which is not admitted"):
        load(data, max_bytes=CAP)


def test_eval_nested_in_a_model_is_refused(marker: Path) -> None:
    model = linear_model.LogisticRegression()
    model.extra = Runs(builtins.eval, f"open({str(marker)!r}, 'w')")
    with pytest.raises(SnapshotRefused, match="builtins:eval"):
        load(HEADER + pickle.dumps(model), max_bytes=CAP)


def test_a_partial_reaches_nothing_that_is_not_admitted(marker: Path) -> None:
    data = HEADER + pickle.dumps(functools.partial(os.system, f"touch {marker}"))
    with pytest.raises(SnapshotRefused, match=":system"):
        load(data, max_bytes=CAP)


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (linear_model.LogisticRegression(), "learn_one"),
        (linear_model.LogisticRegression(), "__class__"),
        (linear_model.LogisticRegression, "__subclasses__"),
        (drift.PageHinkley(), "__init__"),
        ("text", "format"),
    ],
    ids=str,
)
def test_getattr_reaches_listed_methods_only(owner: Any, name: str) -> None:
    data = HEADER + pickle.dumps(Runs(getattr, owner, name))
    with pytest.raises(SnapshotRefused, match="bound method"):
        load(data, max_bytes=CAP)


def test_getattr_does_not_follow_what_the_data_put_on_the_object() -> None:
    detector = drift.PageHinkley()
    detector.__dict__["_test_both"] = "planted"
    found = load(HEADER + pickle.dumps(Runs(getattr, detector, "_test_both")), max_bytes=CAP)
    assert isinstance(found, types.MethodType)


def test_a_class_cannot_be_changed() -> None:
    # BUILD with a (None, attributes) state sets attributes, here of a class.
    cls = stack_global("river.linear_model.log_reg", "LogisticRegression")
    attributes = b"}" + short_text("learn_one") + stack_global("builtins", "dict") + b"s"
    before = linear_model.LogisticRegression.learn_one
    with pytest.raises(SnapshotRefused, match=r"changes the class river\.linear_model\.log_reg:LogisticRegression"):
        load(snapshot(cls + b"N" + attributes + b"\x86b"), max_bytes=CAP)
    assert linear_model.LogisticRegression.learn_one is before


def test_a_class_changed_before_a_failure_is_restored_too() -> None:
    cls = stack_global("river.linear_model.log_reg", "LogisticRegression")
    attributes = b"}" + short_text("planted") + stack_global("builtins", "dict") + b"s"
    attack = cls + b"N" + attributes + b"\x86b" + stack_global("os", "system")
    with pytest.raises(SnapshotRefused, match="os:system"):
        load(snapshot(attack), max_bytes=CAP)
    assert not hasattr(linear_model.LogisticRegression, "planted")


@pytest.mark.parametrize("code", ["O8", "V8", "|O", "f8,O", "(3,)f8", "M8[s]"])
def test_only_plain_numpy_types(code: str) -> None:
    attack = called(stack_global("numpy", "dtype"), short_text(code), b"\x89", b"\x88")
    with pytest.raises(SnapshotRefused, match="NumPy type"):
        load(snapshot(attack), max_bytes=CAP)


def test_a_structured_numpy_type_is_refused() -> None:
    with pytest.raises(SnapshotRefused, match="NumPy"):
        dump(np.zeros(2, dtype=[("a", "f8"), ("b", "i4")]))


def test_numpy_objects_are_refused() -> None:
    with pytest.raises(SnapshotRefused, match="_reconstruct, which is not admitted"):
        dump(np.array([object()]))


# ---------------------------------------------------------------- damage and limits


def test_a_persistent_id_is_refused() -> None:
    with pytest.raises(SnapshotRefused, match="damaged"):
        load(snapshot(short_text("id") + b"Q"), max_bytes=CAP)


def test_every_truncation_is_refused() -> None:
    data = dump(trained(scaled(linear_model.LogisticRegression()), binary, rows=5))
    for length in range(len(data)):
        with pytest.raises(SnapshotRefused):
            load(data[:length], max_bytes=CAP)


@pytest.mark.parametrize("length", [0, 1, 7])
def test_a_damaged_native_state_is_refused(length: int) -> None:
    detector = drift.ADWIN()._helper
    function, args, _ = detector.__reduce_ex__(2)[:3]
    data = HEADER + pickle.dumps(Damaged(function, args, b"\xff" * length), 5)
    with pytest.raises(SnapshotRefused, match="damaged"):
        load(data, max_bytes=CAP)


class Damaged:
    def __init__(self, function: Any, args: tuple[Any, ...], state: bytes) -> None:
        self.parts = (function, args, state)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...], bytes]:
        return self.parts[1][0], self.parts[1][1:], self.parts[2]


def test_the_wrong_digest_is_refused_before_the_pickle_is_read(marker: Path) -> None:
    data = HEADER + pickle.dumps(Runs(os.system, f"touch {marker}"))
    with pytest.raises(SnapshotRefused, match="SHA-256"):
        load(data, max_bytes=CAP, sha256="0" * 64)


def test_the_right_digest_passes_in_either_case() -> None:
    data = dump(stats.Mean())
    digest = hashlib.sha256(data).hexdigest()
    for expected in (digest, digest.upper()):
        assert isinstance(load(data, max_bytes=CAP, sha256=expected), stats.Mean)


def test_one_byte_too_many_is_refused_first() -> None:
    data = dump(stats.Mean())
    load(data, max_bytes=len(data))
    with pytest.raises(SnapshotRefused, match=f"{len(data)} bytes are more than the cap of {len(data) - 1}"):
        load(data, max_bytes=len(data) - 1, sha256="0" * 64)


@pytest.mark.parametrize("head", [b"", b"TTS", b"TTS1", b"TTS1\0", b"TTS2\0\1", b"\x80\x05\x95\0\0\0"])
def test_another_magic_is_refused(head: bytes) -> None:
    with pytest.raises(SnapshotRefused, match="begins with"):
        load(head, max_bytes=CAP)


def test_another_format_version_is_refused() -> None:
    with pytest.raises(SnapshotRefused, match="format version 258"):
        load(MAGIC + b"\1\2" + dump(stats.Mean())[6:], max_bytes=CAP)


# ---------------------------------------------------------------- classes of the user's


@pytest.fixture
def own_module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    module = types.ModuleType("shop_models")

    class Average(base.Regressor):  # type: ignore[misc]
        def __init__(self) -> None:
            self.mean = stats.Mean()

        def learn_one(self, x: dict[str, float], y: float) -> None:
            self.mean.update(y)

        def predict_one(self, x: dict[str, float]) -> float:
            return float(self.mean.get())

    Average.__module__, Average.__qualname__ = "shop_models", "Average"
    module.Average = Average  # type: ignore[attr-defined]
    module.os = os  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shop_models", module)
    return module


def test_a_class_of_yours_is_refused_at_dump_until_admitted(own_module: types.ModuleType) -> None:
    model = own_module.Average()
    model.learn_one({}, 4.0)
    with pytest.raises(SnapshotRefused, match=r"add it to models\.<name>\.admit as 'shop_models:Average'"):
        dump(model)
    data = dump(model, admit=["shop_models:Average"])
    assert load(data, max_bytes=CAP, admit=["shop_models:Average"]).predict_one({}) == 4.0
    with pytest.raises(SnapshotRefused, match="not admitted"):
        load(data, max_bytes=CAP)


def test_admitting_one_class_admits_nothing_else_of_its_module(own_module: types.ModuleType, marker: Path) -> None:
    attack = called(stack_global("shop_models", "os.system"), short_text(f"touch {marker}"))
    with pytest.raises(SnapshotRefused, match="dotted"):
        load(snapshot(attack), max_bytes=CAP, admit=["shop_models:Average"])


@pytest.mark.parametrize("entry", ["shop_models", "shop_models:os.system", "shop_models:", ":x", "a:b:c", "a b:c", "*"])
def test_a_malformed_entry_is_refused(entry: str) -> None:
    with pytest.raises(SnapshotRefused, match=r"package\.module:Name"):
        load(dump(stats.Mean()), max_bytes=CAP, admit=[entry])


def test_an_admitted_class_that_is_missing_names_the_remedy() -> None:
    data = snapshot(called(stack_global("not_installed_here", "Model")))
    with pytest.raises(SnapshotRefused, match="not_installed_here:Model does not exist here"):
        load(data, max_bytes=CAP, admit=["not_installed_here:Model"])


def test_what_cannot_be_pickled_is_refused_in_one_line() -> None:
    for model in (lambda: None, io.BytesIO().getbuffer(), compose.FuncTransformer(lambda x: x)):
        with pytest.raises(SnapshotRefused) as refused:
            dump(model)
        assert "\n" not in str(refused.value)


def test_a_forest_does_not_carry_a_generator_for_every_gaussian() -> None:
    model = trained(forest.ARFClassifier(n_models=3, seed=1), binary)
    assert len(dump(model)) < len(pickle.dumps(model, 5)) / 5
    copy = load(dump(model), max_bytes=CAP)
    assert dump(copy) == dump(model)


def test_a_gaussian_with_a_seed_keeps_its_generator() -> None:
    model = proba.Gaussian(seed=4)
    for value in (1.0, 2.0):
        model.update(value)
    assert load(dump(model), max_bytes=CAP).sample() == model.sample()


def test_a_model_nested_too_deep_is_refused() -> None:
    model: list[Any] = []
    for _ in range(100_000):
        model = [model]
    with pytest.raises(SnapshotRefused, match="nested too deep"):
        dump(model)
