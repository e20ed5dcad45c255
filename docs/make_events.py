"""Writes the generated parts of docs/events.md: ``python docs/make_events.py``; ``--check`` only compares.

Fields and examples come from schemas/*.avsc, topics from trimtab.kafka.topics, reasons from trimtab.events.Reason.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from trimtab.config import FactorySpec, ModelConfig, NumericFeature
from trimtab.events import Example, Reason, decode, encode, fingerprint_of, read_schema, schema_names
from trimtab.events.batch import EventBatch, encode_batch
from trimtab.events.columns import Categories, Texts
from trimtab.events.examples import Examples, encode_examples
from trimtab.kafka.topics import TOPICS

PAGE = Path(__file__).with_name("events.md")
_DAY_MS = 86_400_000

# Topic: schemas of its records, key, writers, readers.
TOPIC_FACTS: dict[str, tuple[tuple[str, ...], str, str, str]] = {
    "features": (("feature", "event_batch"), "event id", "your services", "collector"),
    "predictions": (("prediction", "event_batch"), "event id", "your services", "collector"),
    "labels": (("label", "event_batch"), "event id", "your services", "collector"),
    "profiles": (("profile",), "model", "collector", "monitor"),
    "examples": (("example_batch",), "model", "collector", "trainer"),
    "metrics": (("metric",), "model/version/segment/feature/statistic", "monitor", "dashboard, you"),
    "windows": (("window",), "model", "monitor", "dashboard, you"),
    "alerts": (("alert",), "fingerprint", "monitor, trainer", "trainer, notifier, dashboard, you"),
    "followers": (("follower",), "model/instance", "your services (ModelFollower)", "monitor, trimtab followers"),
    "silences": (("silence", "ack"), "silence/id or ack/incident", "people", "notifier, dashboard"),
    "notices": (("notice",), "notice id", "notifier", "dashboard, you"),
    "health": (("health",), "role/instance", "all roles", "dashboard, you"),
    "commands": (("command",), "model", "people, CI", "trainer"),
    "registry": (("manifest", "alias", "pin"), "see below", "trainer", "collector, monitor, trimtab registry"),
    "serving": (("manifest", "alias", "online_state"), "see below", "trainer", "followers, dashboard"),
    "state": ((), "role/model", "monitor, trainer", "the same role after a restart"),
    "audit": (("audit",), "model", "trainer, monitor, notifier, dashboard, people's commands", "dashboard, you"),
    "dead-letters": (("dead_letter",), "source topic", "collector, trainer, notifier", "dashboard, you"),
}

# Reason: when, what to do.
REASONS: dict[Reason, tuple[str, str]] = {
    Reason.MALFORMED: (
        "Empty record, broken JSON, JSON that is no object, an Avro body that does not fit its schema, or a command "
        "without its fields.",
        "Mend the sender.",
    ),
    Reason.NON_FINITE: ("NaN or an infinity, as a JSON word or an Avro double.", "Send null for a missing value."),
    Reason.UNKNOWN_SCHEMA: (
        "The first byte is neither JSON nor `C3`, or the Avro fingerprint is not that of this topic's schema.",
        "Send JSON, or write with the schema of this version of Trimtab.",
    ),
    Reason.MISSING_FIELD: ("A required field is absent, null or empty.", "Add it; `detail` names it."),
    Reason.WRONG_TYPE: (
        "A value does not fit its field, its feature's type or the model's task; a served name or time that cannot be "
        "read; a score outside 0 to 1; a command that does not exist.",
        "Send the type that `detail` names, or mend the model's `features`.",
    ),
    Reason.UNKNOWN_MODEL: ("The model is not in `trimtab.yaml`.", "Configure it, or mend the name."),
    Reason.TOO_LARGE: (
        "More bytes than `collector.max_event_bytes` (1,000,000 by default).",
        "Send less, or raise the limit; the topic itself takes 4,000,000.",
    ),
    Reason.FROM_THE_FUTURE: (
        "The event's time is more than `collector.max_future` (1 h by default) ahead of its Kafka timestamp.",
        "Mend the sender's clock or time zone; raise the limit for events that are dated ahead on purpose.",
    ),
    Reason.DUPLICATE: (
        "The same part of an id came again: this model's prediction, the features, or the label.",
        "Usually nothing: a sender's retry. Else make ids unique.",
    ),
    Reason.LABEL_WITHOUT_PREDICTION: (
        "The horizon ended and no prediction of that id had met the label.",
        "Compare the ids of labels and predictions; raise `label_horizon` when labels come first by that much.",
    ),
    Reason.PREDICTION_WITHOUT_FEATURES: (
        "The horizon ended, the prediction carried no features, and no feature event of that id came.",
        "Send the features with the prediction, or mend the feature events.",
    ),
    Reason.UNTRUSTED: (
        "An order, a silence or an acknowledgement whose signature does not fit it.",
        "Do not trust where it came from; sign it anew with a key of `registry.keys`.",
    ),
    Reason.UNDELIVERED: (
        "A receiver of notices refused one, or could not be reached for `alerting.give_up_after`.",
        "Mend the receiver; `detail` says what it answered. What still fires is told again.",
    ),
}

_TEXTS = {
    "id": "order-1001",
    "model": "credit",
    "version": "credit@7",
    "label": "1",
    "segment": "",
    "feature": "income",
    "statistic": "psi",
    "status": "drift",
    "alias": "champion",
    "reason": "promotion",
    "candidate": "reset",
    "trigger": "drift",
    "action": "promoted",
    "actor": "trainer",
    "topic": "trimtab.labels",
    "reference": "credit@7",
    "fingerprint": "5f2c8d0e9b1a7c34",
    "incident": "5f2c8d0e9b1a7c34-1767571200000",
    "summary": "income of credit@7 has drifted.",
    "detail": "id 'order-1001' was already labelled",
}
_NUMBERS = {"version": 7, "parent": 6, "count": 1200, "first": 100, "last": 1299, "partition": 1, "offset": 1299}
_NUMBERS |= {"source_partitions": 4, "size_bytes": 1024, "first_offset": 100, "last_offset": 1299}
_MAP_KEYS = {
    "features": "income",
    "counts": "predictions",
    "environment": "python",
    "metrics": "accuracy",
    "race": "examples",
    "details": "mean_difference",
}
_SPECIAL: dict[str, dict[str, Any]] = {
    "dead_letter": {"reason": "duplicate"},
    "command": {"reason": "income drifted", "actor": "ada", "version": None},
    "manifest": {"imported": None},
    "pin": {"reason": "served the audit of 2026", "actor": "ada"},
}


def example(name: str) -> dict[str, Any]:
    """A record of schema ``name``, built from the schema."""
    if name in COLUMNAR:
        return decode(name, COLUMNAR[name]())
    record: dict[str, Any] = _value(read_schema(name), "", {})
    return record | _SPECIAL.get(name, {})


def event_batch() -> bytes:
    """Two predictions in one record."""
    batch = EventBatch(
        kind="prediction",
        model="credit",
        ids=Texts.of(["order-1", "order-22"]),
        time_ms=np.array([1_767_571_200_000, 1_767_571_200_250]),
        version=np.array([7, 7], np.int32),
        learnt=np.array([-1, -1]),
        columns={"income": np.array([2.5, np.nan]), "region": Categories.of(["north", None])},
        prediction=Categories.of(["1", "0"]),
        score=np.array([0.75, 0.25]),
    )
    return encode_batch(batch)


def example_batch() -> bytes:
    """One labelled example in a record."""
    config = ModelConfig(task="binary", features={"income": NumericFeature()}, factory=FactorySpec(function="a:b"))
    made = Example("order-1", 1_767_571_200_000, 1_767_571_260_000, {"income": 2.5}, "1", "0", 0.25, 7, None, 0)
    return encode_examples("credit", Examples.of([made], config))


COLUMNAR = {"event_batch": event_batch, "example_batch": example_batch}


def _bytes() -> str:
    """The example of ``event_batch`` byte by byte: the fields between the buffers, and the buffers."""
    data = event_batch()
    record = decode("event_batch", data)
    lines = ["```text", f"{'C3 01 ' + data[2:10].hex(' '):60}  Avro single-object encoding, fingerprint"]
    at = 10

    def show(size: int, meaning: str) -> None:
        nonlocal at
        part = data[at : at + size].hex(" ")
        lines.extend(
            f"{part[k : k + 60].strip():60}  {meaning if k == 0 else ''}".rstrip() for k in range(0, len(part), 60)
        )
        at += size

    def buffer(name: str, value: bytes, what: str) -> None:
        show(1, f"{name}: {len(value)} bytes (zig-zag: twice as much)")
        if value:
            show(len(value), f"  {what}")

    def text(value: str, what: str) -> None:
        show(1 + len(value), f"{what} {value!r}, its length before it")

    def column(value: dict[str, Any], where: str) -> None:
        text(value["name"], f"{where} name")
        show(1, f"  type {value['type']} (its place among the symbols, twice)")
        if value["values"]:
            show(1, f"  values: one block of {len(value['values'])}")
            for name in value["values"]:
                text(name, "  ")
        show(1, "  end of values")
        buffer("  data", value["data"], "one value per event, little-endian")

    show(1, "kind: prediction is symbol 0")
    show(1, "model: the second branch of the union")
    text(record["model"], "  ")
    show(1, "count: 2")
    buffer("ids", record["ids"], "order-1order-22")
    buffer("id_ends", record["id_ends"], "7, 15 as uint32")
    buffer("times", record["times"], "int64 each")
    buffer("versions", record["versions"], "7, 7 as int32")
    buffer("learnt_offsets", record["learnt_offsets"], "")
    show(1, f"columns: one block of {len(record['columns'])}")
    for one in record["columns"]:
        column(one, "column")
    show(1, "end of columns")
    for name in ("prediction", "score"):
        show(1, f"{name}: the second branch of the union")
        column(record[name], "  column")
    show(1, "label: null")
    if at != len(data):
        raise SystemExit(f"{PAGE.name}: the byte-level example ends at {at} of {len(data)} bytes")
    return "\n".join([*lines, "```"])


def _value(kind: Any, field: str, named: dict[str, Any]) -> Any:  # noqa: PLR0911  one return for each kind of type
    if isinstance(kind, list):
        return _value(next(one for one in kind if one != "null"), field, named)
    if isinstance(kind, str) and kind in named:
        return _value(named[kind], field, named)
    if isinstance(kind, str):
        return _scalar(kind, field)
    if "name" in kind:
        named[kind["name"]] = kind
    match kind["type"]:
        case "record":
            return {part["name"]: _value(part["type"], part["name"], named) for part in kind["fields"]}
        case "array":
            return [_value(kind["items"], field, named)]
        case "map":
            text = "3.12.8" if field == "environment" else None
            return {_MAP_KEYS.get(field, "psi"): text or _value(kind["values"], field, named)}
        case "enum":
            return kind["symbols"][0]
    return _value(kind["type"], field, named)


def _scalar(kind: str, field: str) -> Any:
    match kind:
        case "string":
            digest = "sha256" in field or "digest" in field
            return "9f86d081884c7d65" * 4 if digest else _TEXTS.get(field, field)
        case "double":
            return {"label": 1.0, "prediction": 1.0, "score": 0.83}.get(field, 0.31)
        case "bytes":
            return b"order-1001"
        case "boolean":
            return True
    time = field.endswith("_ms") or field == "time"
    return 1_767_571_200_000 if time else _NUMBERS.get(field, 1299)


def _plain(value: Any) -> Any:
    """As JSON has it: bytes in base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value


def fields(kind: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Path, type and doc of every field, those of records within it after it."""
    for field in kind["fields"]:
        name = path + field["name"]
        doc = field.get("doc", "")
        yield (
            name,
            _type(field["type"]) + (f", default {json.dumps(field['default'])}" if "default" in field else ""),
            doc,
        )
        inner = _record(field["type"])
        if inner is not None:
            yield from fields(inner[0], name + inner[1] + ".")


def _record(kind: Any) -> tuple[Any, str] | None:
    """The record inside a type, and ``[]`` when it is a list of them."""
    if isinstance(kind, dict) and kind["type"] == "record":
        return kind, ""
    if isinstance(kind, dict) and kind["type"] == "array":
        found = _record(kind["items"])
        return None if found is None else (found[0], "[]" + found[1])
    return None


def _type(kind: Any) -> str:  # noqa: PLR0911  one return for each kind of type
    if isinstance(kind, str):
        return kind
    if isinstance(kind, list):
        return " or ".join(_type(one) for one in kind)
    match kind["type"]:
        case "array":
            return f"list of {_type(kind['items'])}"
        case "map":
            return f"map to ({_type(kind['values'])})"
        case "enum":
            return "one of " + ", ".join(kind["symbols"])
        case "record":
            return "record"
    return f"{kind['type']} ({kind['logicalType']})" if "logicalType" in kind else _type(kind["type"])


def _topics() -> str:
    lines = ["| topic | key | cleanup | kept | written by | read by | schema |", "|---|---|---|---|---|---|---|"]
    for spec in TOPICS:
        schemas, key, writers, readers = TOPIC_FACTS[spec.name]
        kept = "for ever" if spec.retention_ms < 0 else f"{spec.retention_ms // _DAY_MS} days"
        named = ", ".join(f"`{name}`" for name in schemas) or "internal"
        lines.append(f"| `{spec.name}` | {key} | {spec.cleanup} | {kept} | {writers} | {readers} | {named} |")
    return "\n".join(lines)


def _reasons() -> str:
    lines = ["| reason | when | what to do |", "|---|---|---|"]
    return "\n".join(
        lines + [f"| `{reason.value}` | {REASONS[reason][0]} | {REASONS[reason][1]} |" for reason in Reason]
    )


def _schema(name: str) -> str:
    schema = read_schema(name)
    record = example(name)
    decode(name, encode(name, record))  # raises when the example does not fit its schema
    rows = [f"| `{path}` | {kind} | {doc} |" for path, kind, doc in fields(schema)]
    return "\n".join(
        [
            f"### `{name}`",
            "",
            f"{schema['doc']} Fingerprint on the wire: `{fingerprint_of(name).hex()}`.",
            "",
            "| field | type | meaning |",
            "|---|---|---|",
            *rows,
            "",
            "```json",
            json.dumps(_plain(record), indent=2),
            "```",
        ]
    )


def render(page: str) -> str:
    """The page with its generated parts made anew."""
    parts = {
        "topics": _topics(),
        "bytes": _bytes(),
        "reasons": _reasons(),
        "schemas": "\n\n".join(map(_schema, schema_names())),
    }
    for name, text in parts.items():
        begin, end = f"<!-- begin generated: {name} -->", f"<!-- end generated: {name} -->"
        pattern = re.escape(begin) + r".*?" + re.escape(end)
        page, count = re.subn(pattern, lambda _, t=f"{begin}\n{text}\n{end}": t, page, flags=re.DOTALL)  # type: ignore[misc]
        if count != 1:
            raise SystemExit(f"{PAGE.name}: the markers of {name!r} must stand there once")
    return page


def main(arguments: list[str]) -> int:
    """Write the page, or with ``--check`` say whether it is fresh."""
    page = PAGE.read_text(encoding="utf-8")
    made = render(page)
    if "--check" in arguments:
        if made != page:
            print("docs/events.md is stale; run: python docs/make_events.py", file=sys.stderr)
        return int(made != page)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
