"""The OpenAPI document, made from the tables that the routes are made from."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from trimtab import __version__
from trimtab.dashboard.web.done import DONE, Done
from trimtab.dashboard.web.shown import SHOWN, Shown

__all__ = ["api_path", "document"]

_PARAMETER = re.compile(r"\{(\w+)\}")
_ERROR = {
    "description": "What was wrong, and what to do.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
_DESCRIPTIONS = {
    "model": "Name of the model.",
    "incident": "Incident id of an alert.",
    "silence": "Id of the silence.",
    "partition": "Partition of the dead letter.",
    "offset": "Offset of the dead letter.",
}


def api_path(path: str) -> str:
    """Where the API has what a page shows.

    Examples
    --------
    >>> api_path("/"), api_path("/incidents")
    ('/api/fleet', '/api/incidents')
    """
    return "/api/fleet" if path == "/" else f"/api{path}"


@cache
def document() -> dict[str, Any]:
    """OpenAPI 3.1."""
    schemas: dict[str, Any] = {
        "Error": {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]},
        "Written": {
            "type": "object",
            "description": "The record as it was written to Kafka.",
            "properties": {"written": {"type": "object"}},
            "required": ["written"],
        },
    }
    paths: dict[str, Any] = {}
    for shown in SHOWN:
        paths.setdefault(api_path(shown.path), {})["get"] = _looking(shown, schemas)
    for done in DONE:
        paths.setdefault(api_path(done.path), {})["post"] = _doing(done)
    document_itself = {"description": "OpenAPI 3.1.", "content": {"application/json": {"schema": {"type": "object"}}}}
    paths["/api/openapi.json"] = {"get": {"summary": "This document", "responses": {"200": document_itself}}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Trimtab dashboard",
            "version": __version__,
            "description": "Times are milliseconds since 1970 UTC. Roles: read may GET, operator may also POST.",
        },
        "security": [{"token": []}, {}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _looking(shown: Shown, schemas: dict[str, Any]) -> dict[str, Any]:
    schema = TypeAdapter(shown.kind).json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    schemas |= schema.pop("$defs", {})
    schemas[shown.kind.__name__] = schema
    return {
        "summary": shown.summary,
        "parameters": _path_parameters(shown.path)
        + [
            {"name": name, "in": "query", "required": False, "description": said, "schema": {"type": "string"}}
            for name, said in shown.query.items()
        ],
        "responses": {
            "200": {
                "description": shown.summary,
                "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{shown.kind.__name__}"}}},
            },
            **dict.fromkeys(("400", "401", "404"), _ERROR),
        },
    }


def _doing(done: Done) -> dict[str, Any]:
    texts = {"type": "array", "items": {"type": "string"}}
    properties = {
        name: {"description": said, "anyOf": [{"type": "string"}, {"type": "integer"}, texts]}
        for name, said in done.fields.items()
    }
    body = {"type": "object", "properties": properties, "required": list(done.required)}
    return {
        "summary": done.summary,
        "parameters": _path_parameters(done.path),
        "requestBody": {"required": bool(done.required), "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": {
                "description": "It is written; what comes of it is told by the pages.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Written"}}},
            },
            **dict.fromkeys(("400", "401", "403", "404", "413", "502"), _ERROR),
        },
    }


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _DESCRIPTIONS[name],
            "schema": {"type": "integer" if name in ("partition", "offset") else "string"},
        }
        for name in _PARAMETER.findall(path)
    ]
