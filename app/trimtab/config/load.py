"""From ``trimtab.yaml`` and the environment to one frozen :class:`Config`, or one line that says what is wrong.

Scalars are those of YAML 1.2: only ``true`` and ``false`` are booleans, ``1e-6`` is a number, and a date, ``yes``
or ``007`` stays text. A category written as ``no`` would otherwise become ``False`` without a word.

Environment variables override the file: ``TRIMTAB_`` and the path in capitals, its steps joined by ``__``. In a
name from the file (a model, a feature) every character but letters and digits is written ``_``; below
``kafka.librdkafka`` each ``_`` is a dot. An empty variable is null where null is allowed.

=============================================  =====================================
variable                                       sets
=============================================  =====================================
``TRIMTAB_DATA_DIR``                           ``data_dir``
``TRIMTAB_DASHBOARD__PORT``                    ``dashboard.port``
``TRIMTAB_KAFKA__LIBRDKAFKA__SASL_PASSWORD``   ``kafka.librdkafka['sasl.password']``
``TRIMTAB_MODELS__CREDIT_EU__WINDOW__SIZE``    ``models['credit-eu'].window.size``
=============================================  =====================================

A name with ``__``, or that of a top-level key, must lead to a setting. Every other ``TRIMTAB_`` name is ignored:
``TRIMTAB_CONFIG`` and ``TRIMTAB_INSTANCE`` mean something else, and Kubernetes puts ``TRIMTAB_DASHBOARD_PORT``
into each container beside a service of that name.
"""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from trimtab.config.root import Config
from trimtab.errors import ConfigError

__all__ = ["load_config", "parse_config"]

PREFIX = "TRIMTAB_"
SHOWN_ERRORS = 3

_Path = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  PyYAML's own name


_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = {_TAG + name for name in ("null", "bool", "int", "float", "str", "seq", "map")}
_FLOAT = r"[-+]?(?:(?:\d[\d_]*\.[\d_]*|\.\d[\d_]*)(?:[eE][-+]?\d+)?|\d[\d_]*[eE][-+]?\d+)"
for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][\d_]*)", list("-+0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(f"(?:{_pattern})$", re.ASCII), _first)


def load_config(path: Path | None = None, *, environ: Mapping[str, str] | None = None) -> Config:
    """Read ``path``, or ``$TRIMTAB_CONFIG``, or ``trimtab.yaml`` of the current folder.

    Raises
    ------
    ConfigError
        If the file cannot be read, or as :func:`parse_config` does.
    """
    environ = os.environ if environ is None else environ
    path = Path(environ.get("TRIMTAB_CONFIG") or "trimtab.yaml") if path is None else path
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file; write one with `trimtab init DATA.csv`, or name yours in TRIMTAB_CONFIG"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or type(error).__name__}") from None
    return parse_config(text, source=str(path), environ=environ)


def parse_config(text: str, *, source: str, environ: Mapping[str, str]) -> Config:
    """Parse and validate YAML ``text``, with the overrides of ``environ``.

    Parameters
    ----------
    text
        The YAML.
    source
        Name of the file, for messages.
    environ
        Environment variables; the whole environment may be given.

    Raises
    ------
    ConfigError
        One line with up to three errors, each as ``file:line: path.to.key: what is wrong``. Values of the sections
        ``kafka`` and ``registry`` are never quoted in it, since passwords and keys are among them.

    Examples
    --------
    >>> parse_config("models: {}", source="trimtab.yaml", environ={})
    Traceback (most recent call last):
    trimtab.errors.ConfigError: trimtab.yaml:1: models: must not be empty
    """
    root, data = _read(text, source)
    data, overridden = _override(data, environ)
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        # Without `from None` a traceback would print pydantic's own message, which holds the input.
        details = error.errors(include_url=False)
    messages = [_message(detail, data, root, source, overridden) for detail in details]
    more = len(messages) - SHOWN_ERRORS
    raise ConfigError("; ".join(messages[:SHOWN_ERRORS]) + (f" (and {more} more)" if more > 0 else ""))


# --- YAML ---------------------------------------------------------------------------------------------


def _read(text: str, source: str) -> tuple[yaml.Node, dict[str, Any]]:
    """The node tree, which knows the lines, and the plain data made of it."""
    loader = None
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None or root.tag == _TAG + "null":
            raise ConfigError(f"{source}:1: the file is empty; write one with `trimtab init DATA.csv`")
        _check(root, (), source, set(), set())
        data: object = loader.construct_document(root)
    except yaml.YAMLError as error:
        raise ConfigError(_syntax_message(error, source)) from None
    except (ValueError, LookupError, OverflowError):
        raise ConfigError(f"{source}: a value does not fit its YAML tag; write it without the tag") from None
    except RecursionError:
        raise ConfigError(f"{source}: nested too deep") from None
    finally:
        if loader is not None:
            loader.dispose()
    if not isinstance(data, dict):
        raise ConfigError(f"{source}:{_line(root)}: must be a mapping that starts with a key such as models:")
    return root, data


def _check(node: yaml.Node, path: _Path, source: str, done: set[int], above: set[int]) -> None:
    """Refuse what would be lost or surprise: repeated keys, keys that are not text, odd tags, cycles."""

    def refuse(where: yaml.Node, at: _Path, what: str) -> ConfigError:
        return ConfigError(f"{source}:{_line(where)}: {_dotted(at)}{what}")

    if id(node) in above:
        raise refuse(node, path, "this anchor holds itself; write the values out")
    if id(node) in done:
        return
    done.add(id(node))
    above.add(id(node))
    if node.tag not in _PLAIN_TAGS:
        raise refuse(node, path, "YAML tags are not used here; put text that begins with '!' in quotes")
    if isinstance(node, yaml.ScalarNode) is (node.tag in (_TAG + "seq", _TAG + "map")):
        raise refuse(node, path, "the YAML tag does not fit; write the value without it")
    if node.tag == _TAG + "float" and not math.isfinite(float(node.value.replace("_", ""))):
        raise refuse(node, path, "must be a finite number")
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _check(child, (*path, index), source, done, above)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, child in node.value:
            if key.tag == _TAG + "merge":
                _check(child, path, source, done, above)
                continue
            if not isinstance(key, yaml.ScalarNode) or key.tag != _TAG + "str":
                raise refuse(key, path, "a key here is not text; put it in quotes")
            inner = (*path, key.value)
            if key.value in seen:
                raise refuse(key, inner, f"given twice, first on line {seen[key.value]}; remove one of them")
            seen[key.value] = _line(key)
            _check(child, inner, source, done, above)
    above.discard(id(node))


def _syntax_message(error: yaml.YAMLError, source: str) -> str:
    """One line for a YAML syntax error, without quoting the file."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = f"{source}:{mark.line + 1}" if mark is not None else source
    problem = getattr(error, "problem", None) or "a character that YAML does not allow"
    if "undefined alias" in problem:
        problem = "an alias without its anchor; put text that begins with '*' in quotes"
    # PyYAML quotes what it found, which may be a piece of a password; tokens such as '<scalar>' are harmless.
    problem = re.sub(r"'[^'<][^']+'", "what is written", problem)
    return " ".join(f"{where}: not valid YAML: {problem}".split())


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _line_of(root: yaml.Node, path: _Path) -> int:
    """Line of the key at ``path``, or of the nearest key above it that is in the file."""
    node, line = root, _line(root)
    for part in path:
        found = _find(node, part)
        if found is None:
            break
        line, node = found
    return line


def _find(node: yaml.Node, part: str | int) -> tuple[int, yaml.Node] | None:
    """Line and value of one step down, by the file's own keys first, then by merged mappings (``<<``)."""
    if isinstance(node, yaml.SequenceNode):
        if isinstance(part, int) and part < len(node.value):
            child = node.value[part]
            return _line(child), child
        # A list of mappings behind `<<`: its first mapping with the key wins.
        return next((found for item in node.value if (found := _find(item, part))), None)
    if not isinstance(node, yaml.MappingNode):
        return None
    for key, child in node.value:
        if key.tag != _TAG + "merge" and key.value == part:
            return _line(key), child
    merged = (child for key, child in node.value if key.tag == _TAG + "merge")
    return next((found for child in merged if (found := _find(child, part))), None)


# --- what may stand where -----------------------------------------------------------------------------


def _unwrap(kind: Any, value: object) -> Any:
    """The type behind ``Annotated``, ``| None`` and a union told apart by the ``type`` key of ``value``."""
    if get_origin(kind) is Annotated:
        return _unwrap(get_args(kind)[0], value)
    if get_origin(kind) in (Union, UnionType):
        members = [_unwrap(member, value) for member in get_args(kind) if member is not NoneType]
        tag = value.get("type") if isinstance(value, dict) else None
        tagged = (m for m in members if _is_section(m) and "type" in m.model_fields)
        return next((m for m in tagged if m.model_fields["type"].default == tag), members[0])
    return kind


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _keys(kind: Any, value: object) -> dict[str | int, Any]:
    """Names (or list positions) that exist under ``value``, with their types."""
    kind = _unwrap(kind, value)
    if _is_section(kind):
        return {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
    if isinstance(value, dict):
        item = get_args(kind)[1] if get_origin(kind) is dict else Any
        return dict.fromkeys(value, item)
    if isinstance(value, list):
        item = get_args(kind)[0] if get_origin(kind) is tuple else Any
        return dict.fromkeys(range(len(value)), item)
    return {}


def _below(value: object, part: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None


# --- the environment ----------------------------------------------------------------------------------


def _override(data: dict[str, Any], environ: Mapping[str, str]) -> tuple[dict[str, Any], dict[_Path, str]]:
    """The data with the environment's values, and which variable set which path."""
    overridden: dict[_Path, str] = {}
    top = {_env_name(key) for key in Config.model_fields}
    for name in sorted(environ):
        rest = name.removeprefix(PREFIX)
        if rest == name or not ("__" in rest or rest.upper() in top):
            continue
        path, kind, optional = _resolve(name, rest.split("__"), data)
        data = _assign(data, path, _scalar(environ[name], kind, optional, name))
        overridden[path] = name
    return data, overridden


def _resolve(name: str, steps: list[str], data: dict[str, Any]) -> tuple[tuple[str, ...], Any, bool]:
    """The path that a variable's name means, the type that stands there, and whether null may."""
    kind: Any = Config
    declared: Any = Config
    value: Any = data
    path: tuple[str, ...] = ()
    for depth, step in enumerate(steps):
        keys = {key: child for key, child in _keys(kind, value).items() if isinstance(key, str)}
        matches = [key for key in keys if _env_name(key) == step.upper()]
        if len(matches) > 1:
            raise ConfigError(f"${name}: means {matches[0]!r} and {matches[1]!r}; set it in the file")
        if matches:
            key, declared = matches[0], keys[matches[0]]
        else:
            key, declared = _new_key(name, steps, depth, kind=kind, value=value, keys=keys)
        path, value = (*path, key), _below(value, key)
        kind = _unwrap(declared, value)
    if get_origin(kind) is tuple or isinstance(value, list):
        raise ConfigError(f"${name}: {_dotted(path)}is a list, which cannot come from the environment")
    if _is_section(kind) or get_origin(kind) is dict or isinstance(value, dict):
        raise ConfigError(f"${name}: {_dotted(path)}is a section; name one of its settings: {name}__...")
    return path, kind, NoneType in get_args(declared)


def _new_key(
    name: str, steps: list[str], depth: int, *, kind: Any, value: object, keys: Iterable[str]
) -> tuple[str, Any]:
    """The key for a step that names nothing yet, where the user chooses the keys; refused elsewhere."""
    step = steps[depth]
    if kind is Any and step and (value is None or isinstance(value, dict)):
        return step.lower(), Any
    if get_origin(kind) is dict and step:
        item = _unwrap(get_args(kind)[1], None)
        if item is SecretStr:
            return step.lower().replace("_", "."), SecretStr
        if not _is_section(item):
            return step.lower(), item
    names = [_env_name(key) for key in keys]
    close = difflib.get_close_matches(step.upper(), names, n=1)
    if close:
        meant = PREFIX + "__".join([*steps[:depth], close[0], *steps[depth + 1 :]])
        raise ConfigError(f"${name}: unknown setting; did you mean {meant!r}?")
    raise ConfigError(f"${name}: unknown setting {step!r}; {_choices('the names here are', names)}")


def _env_name(key: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", key).upper()


def _scalar(text: str, kind: Any, optional: bool, name: str) -> Any:
    """A variable's value: raw where text is wanted, else as the same text would be read in the file."""
    if not text and optional:
        return None
    if kind in (str, Path, SecretStr) or get_origin(kind) is Literal:
        return text
    loader = _Loader("")
    try:
        tag = loader.resolve(yaml.ScalarNode, text.strip(), (True, False))  # type: ignore[no-untyped-call]
        value = loader.construct_object(yaml.ScalarNode(tag, text.strip()))
    except (ValueError, yaml.YAMLError):
        raise ConfigError(f"${name}: not a YAML scalar") from None
    finally:
        loader.dispose()
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"${name}: must be a finite number")
    return value


def _assign(data: Any, path: tuple[str, ...], value: object) -> dict[str, Any]:
    """A copy with ``value`` at ``path``, since a YAML alias lets two models share one mapping."""
    copy = dict(data) if isinstance(data, dict) else {}
    copy[path[0]] = value if len(path) == 1 else _assign(copy.get(path[0]), path[1:], value)
    return copy


# --- messages -----------------------------------------------------------------------------------------

_PLAIN = {
    "missing": "is missing",
    "too_short": "must not be empty",
    "union_tag_not_found": "type is missing; write type: numeric or type: categorical",
}
# Passwords and keys are only in these sections, but a slip of the indentation may put them anywhere in one.
_SECRET = (("kafka",), ("registry",))
_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "path_type": "text",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def _message(detail: ErrorDetails, data: object, root: yaml.Node, source: str, overridden: Mapping[_Path, str]) -> str:
    path = _clean(detail, data)
    where = f"${overridden[path]}" if path in overridden else f"{source}:{_line_of(root, path)}"
    return " ".join(f"{where}: {_dotted(path)}{_complaint(detail, path, data)}".split())


def _clean(detail: ErrorDetails, data: object) -> _Path:
    """Pydantic's location without the union tags it puts in, which are no keys of the file."""
    path: list[str | int] = []
    value = data
    for part in detail["loc"]:
        below = _below(value, part)
        known = below is not None or (isinstance(value, dict) and part in value)
        if known or (detail["type"] == "missing" and part == detail["loc"][-1]):
            path.append(part)
            value = below
    return tuple(path)


def _complaint(detail: ErrorDetails, path: _Path, data: object) -> str:
    """What is wrong at ``path``, with the nearest valid name where there is one."""
    code, context = detail["type"], detail.get("ctx", {})
    if code in _PLAIN:
        return _PLAIN[code]
    if code == "value_error":
        return str(context["error"])
    if code == "extra_forbidden":
        return "unknown key; " + _nearest(str(path[-1]), "the keys here are", _siblings(path, data))
    if code in ("literal_error", "union_tag_invalid"):
        wrong = context.get("tag", detail["input"])
        valid = re.findall(r"'([^']*)'", str(context.get("expected") or context["expected_tags"]))
        subject = "type " if code == "union_tag_invalid" else ""
        if path[:1] in _SECRET:
            return _choices("write one of", valid)
        return f"{subject}must not be {_shown(wrong)}; " + _nearest(str(wrong), "write one of", valid)
    said = f"must be {_EXPECTED[code]}" if code in _EXPECTED else _plain_must(detail["msg"])
    return said if path[:1] in _SECRET else f"{said}, not {_shown(detail['input'])}"


def _plain_must(message: str) -> str:
    """Pydantic's "Input should be greater than 0" in our words."""
    return re.sub(r"^\w+ should ", "must ", message)


def _siblings(path: _Path, data: object) -> list[str]:
    """The valid names beside the last step of ``path``."""
    kind: Any = Config
    value: Any = data
    for part in path[:-1]:
        kind, value = _keys(kind, value).get(part, Any), _below(value, part)
    return [str(key) for key in _keys(kind, value)]


def _nearest(name: str, lead: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name.lower(), names, n=1)
    return f"did you mean {close[0]!r}?" if close else _choices(lead, names)


def _choices(lead: str, names: Iterable[str]) -> str:
    return f"{lead} {', '.join(names) or '(none)'}"


def _shown(value: object) -> str:
    """A value as the file would spell it, short."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _dotted(path: _Path) -> str:
    """``models.credit.performance[0].metric:`` with the blank that follows, or nothing at the top."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    # A quoted key may hold a line break.
    return f"{' '.join(text.removeprefix('.').split())}: " if text else ""
