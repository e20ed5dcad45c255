"""The digest sees every bit of a model's state and nothing of how it lies in memory."""

from __future__ import annotations

import copy
import math
import os
import pickle
import random
import struct
import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import drift, forest, linear_model, naive_bayes, optim, preprocessing, proba, stats, tree

from trimtab.errors import RegistryError
from trimtab.registry.digest import state_diff, state_digest
from trimtab.registry.snapshot import dump, load

TRAIN = """
import random
from river import forest, linear_model, neighbors, optim, preprocessing, tree

def models():
    return {
        "logistic": preprocessing.StandardScaler() | linear_model.LogisticRegression(optim.Adam()),
        "one-hot": preprocessing.OneHotEncoder() | linear_model.LogisticRegression(),
        "tree": tree.HoeffdingTreeClassifier(grace_period=20, delta=0.1),
        "forest": forest.ARFClassifier(n_models=3, seed=1, grace_period=20),
    }

def train():
    made = models()
    for model in made.values():
        rng = random.Random(5)
        for _ in range(200):
            x = {name: rng.gauss(0, 1) for name in ("age", "amount", "rate", "count", "länge")}
            x["set"] = rng.choice("ab") in {"a", "c"}
            model.predict_one(x)
            model.learn_one(x, x["age"] + x["rate"] > 0)
    return made
"""

MAIN = (
    TRAIN
    + """
from trimtab.registry.digest import state_digest
for name, model in train().items():
    model.tags = {"alpha", "beta", "gamma", ("delta", 1)}
    print(name, state_digest(model))
"""
)


def test_two_processes_with_other_hash_seeds_agree() -> None:
    outputs = []
    for seed in ("1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run(
            [sys.executable, "-c", MAIN], env=environment, capture_output=True, text=True, check=True, timeout=120
        )
        outputs.append(run.stdout.split())
    assert len(outputs[0]) == 8
    assert outputs[0] == outputs[1]


def trained(rows: int = 200) -> Any:
    model = preprocessing.StandardScaler() | linear_model.LogisticRegression(optim.SGD(0.1))
    rng = random.Random(5)
    for _ in range(rows):
        x = {name: rng.gauss(0, 1) for name in "uvwxyz"}
        model.learn_one(x, x["u"] > 0)
    return model


def next_float(value: float) -> float:
    return math.nextafter(value, math.inf)


@pytest.mark.parametrize("name", list("uvwxyz"))
def test_the_last_bit_of_one_weight_counts(name: str) -> None:
    one, two = trained(), trained()
    assert state_digest(one) == state_digest(two)
    weights = two["LogisticRegression"]._weights
    weights[name] = next_float(weights[name])
    assert state_digest(one) != state_digest(two)
    found = state_diff(one, two)
    assert found is not None
    assert found.startswith(f"Pipeline.steps['LogisticRegression']._weights['{name}']: ")


def test_the_last_bit_of_a_mean_in_a_scaler_counts() -> None:
    one, two = trained(), trained()
    two["StandardScaler"].means["v"] = next_float(two["StandardScaler"].means["v"])
    assert (state_diff(one, two) or "").startswith("Pipeline.steps['StandardScaler'].means['v']: ")


def test_a_native_state_counts() -> None:
    one, two = drift.ADWIN(), drift.ADWIN()
    for index in range(100):
        one.update(index % 7)
        two.update(index % 7 if index != 50 else 8)
    assert state_digest(one) != state_digest(two)
    assert (state_diff(one, two) or "").startswith("ADWIN._helper.<state>: ")


@pytest.mark.parametrize("model", [forest.ARFClassifier(3, seed=1), forest.ARFClassifier(3, seed=2)], ids=["1", "2"])
def test_random_state_counts(model: Any) -> None:
    twin = copy.deepcopy(model)
    assert state_digest(model) == state_digest(twin)
    twin._rng.random()
    assert state_diff(model, twin) == "ARFClassifier._rng: another random state"


def test_layout_does_not_count() -> None:
    forwards = {"a": 1.0, "b": [1, 2], "c": {"x", "y"}}
    backwards = {"c": {"y", "x"}, "b": [1, 2], "a": 1.0}
    assert state_digest(forwards) == state_digest(backwards)
    shared = [1.5, 2.5]
    assert state_digest({"p": shared, "q": shared}) == state_digest({"p": [1.5, 2.5], "q": [1.5, 2.5]})
    interned, built = "feature_name", "".join(["feature", "_name"])
    assert state_digest([interned, interned]) == state_digest([interned, built])
    one, two = stats.Mean(), stats.Mean()
    two.__dict__ = dict(reversed(one.__dict__.items()))
    assert state_digest(one) == state_digest(two)


def test_a_seed_is_state_and_entropy_is_not() -> None:
    assert state_digest(proba.Gaussian()) == state_digest(proba.Gaussian())
    assert state_digest(proba.Gaussian(seed=1)) == state_digest(proba.Gaussian(seed=1))
    assert (
        state_diff(proba.Gaussian(seed=1), proba.Gaussian(seed=2)) == "Gaussian.seed: 1 in the first, 2 in the second"
    )
    drawn = proba.Gaussian(seed=1)
    drawn._rng.random()
    assert state_diff(proba.Gaussian(seed=1), drawn) == "Gaussian._rng: another random state"


def nan(payload: int) -> float:
    value: float = struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_0000_0000 | payload))[0]
    return value


DIFFERENT: list[Any] = [
    *(None, True, False, 0, 1, -1, 10**30, 0.0, -0.0, 1.0, float("nan"), nan(1), float("inf")),
    *("", "1", "a", b"", b"a", bytearray(b"a"), (), [], {}, set(), frozenset(), (1,), [1], {1}, frozenset({1})),
    *([[]], [1, 2], [2, 1], [12], ["a", "b"], ["ab"], [["a"], "b"], [["a", "b"]], {"a": 1}, {"a": 1.0}, {1: "a"}),
    *(OrderedDict(a=1, b=2), OrderedDict(b=2, a=1), {"a": 1, "b": 2}, Counter(a=1, b=2), deque([1]), deque([1], 3)),
    *(defaultdict(int, a=1), defaultdict(bool, a=1), int, float, len, math.sin, "builtins:int", 1j),
    *(np.float64(1), np.float32(1), np.int64(1), np.bool_(True), np.array([1.0, 2.0]), np.array([[1.0, 2.0]])),
    *(np.array([1, 2]), np.array([1.0, 2.0], dtype=">f8"), np.array(["a"]), np.array([1.0], dtype=object)),
    *(random.Random(1), random.Random(2), optim.SGD(0.1), optim.SGD(0.2), optim.losses.Log(), stats.Mean()),
    *(naive_bayes.GaussianNB(), tree.HoeffdingTreeClassifier(), [].append),
]


def test_different_states_have_different_digests() -> None:
    digests = [state_digest(value) for value in DIFFERENT]
    assert len(set(digests)) == len(DIFFERENT)
    assert digests == [state_digest(value) for value in DIFFERENT]


def test_every_difference_has_a_path() -> None:
    for index, one in enumerate(DIFFERENT):
        for two in DIFFERENT[index + 1 :]:
            assert state_diff([one], [two])
        assert state_diff([one], [one]) is None


def test_paths_name_what_is_missing_or_reordered() -> None:
    assert state_diff({"a": 1}, {"a": 1, "b": 2}) == "dict['b']: only in the second"
    assert state_diff({"a": 1, "b": 2}, {"a": 1}) == "dict['b']: only in the first"
    assert state_diff([1, 2], [1, 3]) == "list[1]: 2 in the first, 3 in the second"
    assert state_diff(OrderedDict(a=1, b=2), OrderedDict(b=2, a=1)) == "OrderedDict: in another order"
    assert state_diff({"a": 1}, {"a": True}) == "dict['a']: int in the first, bool in the second"


def ring(*values: int) -> list[Any]:
    first: list[Any] = []
    node = first
    for value in values[:-1]:
        following: list[Any] = []
        node += [value, following]
        node = following
    node += [values[-1], first]
    return first


def test_cycles_end_and_count() -> None:
    assert state_digest(ring(1, 2, 3)) == state_digest(ring(1, 2, 3))
    assert state_digest(ring(1, 2, 3)) != state_digest(ring(1, 2, 4))
    assert state_digest(ring(1, 2)) == state_digest(pickle.loads(pickle.dumps(ring(1, 2))))
    loop: list[Any] = []
    loop.append(loop)
    assert state_digest(loop) == state_digest([loop][0])
    assert state_diff(ring(1, 2, 3), ring(1, 2, 4)) == "list[1][1][0]: 3 in the first, 4 in the second"


def test_a_cycle_counts_by_value_where_it_is_shared() -> None:
    one = ring(1, 2)
    assert state_digest([one, one]) == state_digest([ring(1, 2), ring(1, 2)])


def test_many_paths_to_shared_objects_are_walked_once() -> None:
    value: list[Any] = [1.0]
    for _ in range(200):
        value = [value, value]
    assert len(state_digest(value)) == 64


class Node:
    def __init__(self) -> None:
        self.others: set[Node] = set()


def test_a_set_without_canonical_order_is_refused() -> None:
    node, other = Node(), Node()
    node.others.add(other)
    assert state_digest(node) == state_digest(node)
    other.others.add(node)
    with pytest.raises(RegistryError, match="no canonical order"):
        state_digest(node)


def test_what_has_no_state_is_refused_in_one_line() -> None:
    with (
        open(os.devnull) as file,
        pytest.raises(RegistryError, match=r"a _io\.TextIOWrapper has no state") as refused,
    ):
        state_digest({"file": file})
    assert "\n" not in str(refused.value)


def test_nested_too_deep_is_refused() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(RegistryError, match="nested too deep"):
        state_digest(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(JSON, JSON)
def test_equal_digests_mean_equal_bits(one: Any, two: Any) -> None:
    assert state_digest(one) == state_digest(load(dump(one), max_bytes=1_000_000))
    # repr tells types and the sign of zero apart; of NaNs only the payload is not seen by it.
    if state_digest(one) == state_digest(two):
        assert state_diff(one, two) is None
    else:
        assert state_diff(one, two) is not None


def test_the_state_is_not_touched() -> None:
    model = trained()
    before = pickle.dumps(model, 5)
    state_digest(model)
    assert pickle.dumps(model, 5) == before
