"""Make a new model from ``models.<name>.factory``, and say which source made it.

A factory is a class with arguments, a pipeline of such, or a function of the user's. An argument may itself be a
mapping ``{class: ..., args: ...}`` (or ``pipeline``, ``function``); lists are searched too. A class that takes
``*keys`` is given a list under that name: ``{class: river.compose:Select, args: {keys: [amount, age]}}``.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from trimtab.config import FactorySpec, ModelConfig
from trimtab.errors import TrainingError

__all__ = ["SEED", "FactoryError", "build", "default_seed", "factory_of", "names_of", "source_hash"]

_KINDS: Final = ("class", "pipeline", "function")


class FactoryError(TrainingError):
    """The factory cannot make a model: a name, an argument or the result is wrong."""


SEED = 42


def build(spec: FactorySpec) -> Any:
    """Return a new model, with ``SEED`` wherever its arguments leave a seed to chance.

    Raises
    ------
    FactoryError
        A name does not exist, an argument does not fit, or the result is not a model.

    Examples
    --------
    >>> spec = FactorySpec.model_validate(
    ...     {"class": "river.linear_model:LogisticRegression",
    ...      "args": {"optimizer": {"class": "river.optim:SGD", "args": {"lr": 0.05}}}})
    >>> build(spec).optimizer.learning_rate
    0.05
    """
    model = _make(spec)
    for method in ("learn_one", "predict_one"):
        if not callable(getattr(model, method, None)):
            name = spec.cls or spec.function or "pipeline"
            raise FactoryError(
                f"factory: {name} made a {type(model).__name__}, which has no {method}; "
                "a model is a River classifier or regressor, or a pipeline that ends in one"
            )
    return default_seed(model, SEED)


def factory_of(config: ModelConfig, family: str) -> FactorySpec:
    """How a model of a family is made: that of a candidate with a factory of its own, else the model's."""
    for candidate in config.race.candidates:
        if candidate.name == family and candidate.factory is not None:
            return candidate.factory
    return config.factory


def default_seed(model: Any, seed: int) -> Any:
    """Return ``model`` with ``seed`` wherever River would draw one, or ``model`` itself when nothing draws.

    A model with an unset seed learns differently in every process, so no reader could rebuild it.

    Examples
    --------
    >>> from river import forest, linear_model
    >>> default_seed(forest.ARFClassifier(n_models=3), 7).seed
    7
    >>> model = linear_model.LogisticRegression()
    >>> default_seed(model, 7) is model
    True
    """
    params = _params(model)
    missing = {} if params is None else _unset_seeds(params, seed)
    return model.clone(missing) if missing else model


def source_hash(spec: FactorySpec) -> str:
    """Return the SHA-256 of the code that makes the model.

    River counts by its version, all other code by the bytes of its source file. What that file imports is not
    followed: keep the git commit beside this hash.

    Raises
    ------
    FactoryError
        A name does not exist, or its source cannot be read.
    """
    digest = hashlib.sha256()
    for name in sorted(set(names_of(spec))):
        digest.update(f"{name}\0{_source_of(name)}\0".encode())
    return digest.hexdigest()


def _make(spec: FactorySpec) -> Any:
    if spec.function is not None:
        arguments = {name: _argument(value) for name, value in spec.args.items()}
        return _call(spec.function, _resolve(spec.function), arguments)
    if spec.pipeline:
        from river import compose

        try:
            return compose.Pipeline(*(_make(step) for step in spec.pipeline))
        except FactoryError:
            raise
        except Exception as error:
            raise FactoryError(f"factory: the pipeline does not fit together: {_line(error)}") from error
    assert spec.cls is not None  # noqa: S101  FactorySpec admits exactly one of the three
    return _call(spec.cls, _resolve(spec.cls), {name: _argument(value) for name, value in spec.args.items()})


def _argument(value: Any) -> Any:
    """Return an argument with the mappings in it built."""
    if isinstance(value, (list, tuple)):
        return [_argument(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if not any(kind in value for kind in _KINDS):
        return {key: _argument(item) for key, item in value.items()}
    return _make(_nested(value))


def _nested(value: Mapping[str, Any]) -> FactorySpec:
    try:
        return FactorySpec.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FactoryError(f"factory: the argument {dict(value)!r} is wrong: {where} {first['msg']}".strip()) from None


def _resolve(name: str) -> Any:
    """Return what ``package.module:Name`` names."""
    module_name, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise FactoryError(
            f"factory: {name}: no module named {error.name!r}; install it, or mend the name in trimtab.yaml"
        ) from None
    except Exception as error:
        raise FactoryError(f"factory: {name}: importing {module_name} failed with {_line(error)}") from error
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise FactoryError(
                f"factory: {name}: {module_name} has no {path!r}; mend the name in trimtab.yaml"
            ) from None
    if not callable(found):
        raise FactoryError(f"factory: {name} is a {type(found).__name__}; name a class or a function")
    return found


def _call(name: str, target: Any, args: dict[str, Any]) -> Any:
    positional: list[Any] = []
    try:
        signature = inspect.signature(target)
    except ValueError:
        signature = None  # A native class may not tell its arguments; it then complains itself.
    if signature is not None:
        for parameter in signature.parameters.values():
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL and parameter.name in args:
                value = args.pop(parameter.name)
                positional = value if isinstance(value, list) else [value]
        try:
            signature.bind(*positional, **args)
        except TypeError as error:
            takes = ", ".join(signature.parameters) or "none"
            raise FactoryError(f"factory: {name}: {error}; its arguments are: {takes}") from None
    try:
        return target(*positional, **args)
    except Exception as error:
        given = ", ".join(f"{key}={value!r}" for key, value in args.items())
        raise FactoryError(f"factory: {name}({_flat(given)}) failed with {_line(error)}") from error


def _params(model: Any) -> dict[str, Any] | None:
    """Return River's parameters of a model, or ``None`` for a model that is not River's."""
    if not hasattr(model, "_get_params") or not hasattr(model, "clone"):
        return None
    try:
        params: dict[str, Any] = model._get_params()
    except (AttributeError, ValueError):
        return None
    return params


def _unset_seeds(params: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return, nested as ``clone`` wants them, the parameters named ``seed`` that are ``None``."""
    found: dict[str, Any] = {}
    for name, value in params.items():
        if name == "seed" and value is None:
            found[name] = seed
        elif isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], dict):
            inner = _unset_seeds(value[1], seed)
            if inner:
                found[name] = (value[0], {**value[1], **inner})
        elif isinstance(value, dict):
            inner = _unset_seeds(value, seed)
            if inner:
                found[name] = inner
        elif isinstance(value, (list, tuple)):
            seeded = [default_seed(item, seed) for item in value]
            if any(new is not old for new, old in zip(seeded, value, strict=True)):
                found[name] = seeded
    return found


def names_of(spec: FactorySpec) -> Iterator[str]:
    """Yield every name, ``package.module:Name``, that making ``spec`` resolves."""
    if spec.function is not None:
        yield spec.function
    if spec.cls is not None:
        yield spec.cls
    for step in spec.pipeline:
        yield from names_of(step)
    yield from _argument_names(spec.args)


def _argument_names(value: Any) -> Iterator[str]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _argument_names(item)
    elif isinstance(value, Mapping):
        if any(kind in value for kind in _KINDS):
            yield from names_of(_nested(value))
        else:
            for item in value.values():
                yield from _argument_names(item)


def _source_of(name: str) -> str:
    """Return what stands for the source: a package's version, or the digest of a file."""
    target = _resolve(name)
    module = inspect.getmodule(target) or importlib.import_module(name.partition(":")[0])
    package = module.__name__.partition(".")[0]
    if package == "river":
        return f"river {importlib.metadata.version('river')}"
    path = inspect.getsourcefile(module) if getattr(module, "__file__", None) else None
    if path is None:
        raise FactoryError(f"factory: {name}: its source cannot be read; keep the factory in a .py file")
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {_flat(str(error))}"


def _flat(text: str) -> str:
    return " ".join(text.split())[:300]
