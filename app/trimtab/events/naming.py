"""Which model an event is of that cannot be used: its bytes may say so even when they say little else."""

from __future__ import annotations

import re
from collections.abc import Mapping

import orjson

from trimtab.config import ModelConfig
from trimtab.events.batch import decode_batch, is_batch
from trimtab.events.errors import EventError
from trimtab.events.schemas import HEADER_BYTES, MAGIC, decode, fingerprint_of
from trimtab.events.typed_avro import AvroPredictions

__all__ = ["Naming"]

_MODEL = re.compile(rb'"model"\s*:\s*"([^"\\]*)"')
_LARGE_BYTES = 1_000_000  # larger ones are not parsed only to be named


class Naming:
    """Names the models of refused events.

    An event of a model that is not configured is nobody's; one that names none is the only model's, if there is but
    one.

    Parameters
    ----------
    models
        Model name to configuration.

    Examples
    --------
    >>> from trimtab.config import FactorySpec, NumericFeature
    >>> config = ModelConfig(task="binary", features={"x": NumericFeature()}, factory=FactorySpec(function="a:b"))
    >>> naming = Naming({"credit": config, "fraud": config})
    >>> naming.model_of(b'{"model": "fraud", "time": "never"}'), naming.model_of(b'{"model": "fraud", "ti')
    ('fraud', 'fraud')
    >>> naming.model_of(b"gibberish") is None, Naming({"credit": config}).model_of(b"gibberish")
    (True, 'credit')
    """

    def __init__(self, models: Mapping[str, ModelConfig]) -> None:
        self._models = models
        self._typed = {AvroPredictions(name, model).fingerprint: name for name, model in models.items()}
        self._plain = {fingerprint_of(name): name for name in ("prediction", "label")}
        self._last: tuple[bytes, str | None] = (b"", None)

    def model_of(self, value: bytes) -> str | None:
        """The configured model that the event belongs to, as far as can be told."""
        # Many events of one batch may be refused, each with the batch's bytes.
        if value is not self._last[0]:
            self._last = (value, self._named(value))
        name = self._last[1]
        if name is None and len(self._models) == 1:
            return next(iter(self._models))
        return name if name in self._models else None

    def _named(self, value: bytes) -> str | None:
        if value[:2] == MAGIC:
            return self._named_in_avro(value)
        if len(value) <= _LARGE_BYTES:
            try:
                found = orjson.loads(value)
                return str(found["model"]) if isinstance(found, dict) and found.get("model") is not None else None
            except ValueError:
                pass
        match = _MODEL.search(value)
        return None if match is None else match[1].decode(errors="replace")

    def _named_in_avro(self, value: bytes) -> str | None:
        schema = value[2:HEADER_BYTES]
        if schema in self._typed:
            return self._typed[schema]
        try:
            if is_batch(value):
                return decode_batch(value).model
            found = decode(self._plain[schema], value).get("model") if schema in self._plain else None
        except (EventError, ValueError):
            return None
        return None if found is None else str(found)
