"""Whether a configured model does what Trimtab asks of one: it is built, taught, asked, written and read again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trimtab.config import FactorySpec, ModelConfig, NumericFeature
from trimtab.errors import RegistryError
from trimtab.registry.digest import state_digest
from trimtab.registry.snapshot import dump, load
from trimtab.training.factory import FactoryError, build
from trimtab.training.golden import Golden
from trimtab.training.own_gates import own_gate
from trimtab.training.task import Label, Task, make_task

__all__ = ["fails_on", "try_model"]

_ROUNDS = 3
_HINT = (
    "a model is given every configured feature, text as str and numbers as float, and not those that are missing; "
    "put encoders before it, as trimtab init writes them"
)


def fails_on(x: dict[str, Any], error: BaseException) -> str:
    """What to say when the user's model raises, and what to do.

    Examples
    --------
    >>> print(fails_on({"age": 1.0, "city": "Perth"}, TypeError("can't multiply")).partition(";")[0])
    the model fails on {age: float, city: str}: TypeError: can't multiply
    """
    features = ", ".join(f"{name}: {type(value).__name__}" for name, value in x.items())
    line = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return f"the model fails on {{{features}}}: {line}; {_HINT}"


def try_model(config: ModelConfig) -> None:
    """Try what a trainer, a verification and a service will do with the model, on made-up examples.

    So with each factory: the model's own, and those of candidates and shadows. Gates are looked up too.

    Raises
    ------
    FactoryError
        It cannot be built, fails on an example, or does not learn the same way twice.
    RegistryError
        Its snapshot cannot be written, or names code that is not admitted.
    ConfigError
        The golden examples cannot be read.
    TrainingError
        There is no such gate.
    """
    for where, spec in config.factories.items():
        try:
            _try_factory(config, spec)
        except (FactoryError, RegistryError) as error:
            if where == "factory":
                raise
            raise type(error)(f"{where}: {error}") from error
    Golden.read(config)
    for name in config.gates.own:
        own_gate(name)


def _try_factory(config: ModelConfig, spec: FactorySpec) -> None:
    task = make_task(config.task, classes=config.classes)
    model, again = build(spec), build(spec)
    for x, label in _examples(config):
        for one in (model, again):
            _taught(task, one, x, label)
    if state_digest(model) != state_digest(again):
        raise FactoryError(
            "factory: two models that learnt the same differ, so no version could be verified; give it a fixed seed, "
            "and let nothing in it depend on time, chance or the process"
        )
    loaded = load(dump(model, admit=config.admit), max_bytes=config.gates.max_snapshot_bytes, admit=config.admit)
    if state_digest(loaded) != state_digest(model):
        raise RegistryError("its snapshot does not hold its whole state; keep the state in what is pickled")


def _taught(task: Task, model: Any, x: dict[str, Any], label: Label) -> None:
    """Ask and teach as a trainer does; raises FactoryError."""
    try:
        task.predict(model, dict(x))
        task.learn(model, dict(x), label)
        task.predict(model, dict(x))
    # Whatever the user's code raises.
    except Exception as error:
        raise FactoryError(f"factory: {fails_on(x, error)}") from error


def _examples(config: ModelConfig) -> Iterator[tuple[dict[str, Any], Label]]:
    """Whole rows, and a row without each feature and without any."""
    labels: list[Label] = [0.5, 2.0, -1.0] if config.task == "regression" else list(config.classes or ("0", "1"))
    rows: list[dict[str, Any]] = []
    for k in range(_ROUNDS):
        whole = {name: _value(config, name, k) for name in config.features}
        rows.append(whole)
        rows += [{other: value for other, value in whole.items() if other != name} for name in whole]
    for k, x in enumerate([*rows, {}]):
        yield x, labels[k % len(labels)]


def _value(config: ModelConfig, name: str, k: int) -> float | str:
    feature = config.features[name]
    if isinstance(feature, NumericFeature):
        low = 0.0 if feature.min is None else feature.min
        return low if feature.max is not None and low + k > feature.max else low + k
    return (feature.values or ("a", "b"))[k % len(feature.values or "ab")]
