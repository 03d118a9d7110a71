"""The JSON schema of a specification, for editors that complete and check TOML (draft 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocistacks.spec.deprecated import RENAMED, WITHOUT_EFFECT
from ocistacks.spec.layer_settings import (
    FIXED_FIELDS,
    LAYERS_KEY,
    LayerSettings,
    VariantSettings,
)
from ocistacks.spec.settings import Settings
from ocistacks.spec.tables import TABLES, LayeredTable

if TYPE_CHECKING:
    from pydantic import BaseModel

_DIALECT = "http://json-schema.org/draft-07/schema#"
_REFERENCE = "#/definitions/{model}"


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a whole venvstacks.toml, as new JSON values."""
    definitions: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for table in TABLES:
        definitions[table.__name__] = _layer_schema(table, definitions)
        properties[table.kind.plural] = {
            "type": "array",
            "items": {"$ref": _REFERENCE.format(model=table.__name__)},
            "description": f"The {table.kind.value} layers of the stack.",
        }
    definitions["Settings"] = _model_schema(Settings, definitions)
    definitions["Settings"]["properties"][LAYERS_KEY] = {
        "type": "object",
        "additionalProperties": {"$ref": _REFERENCE.format(model="LayerSettings")},
        "description": "Settings of single layers, by environment name, such as framework-torch.",
    }
    definitions["LayerSettings"] = _model_schema(LayerSettings, definitions)
    _allow_layer_fields(definitions)
    properties["tool"] = {
        "type": "object",
        "description": "Settings of tools.",
        "properties": {
            "ocistacks": {"$ref": _REFERENCE.format(model="Settings")},
            "uv": _uv_schema(),
        },
    }
    return {
        "$schema": _DIALECT,
        "title": "venvstacks.toml",
        "description": "A stack of Python environments: runtimes, frameworks, applications.",
        "type": "object",
        "properties": properties,
        "definitions": definitions,
    }


def _layer_schema(table: type[BaseModel], definitions: dict[str, Any]) -> dict[str, Any]:
    schema = _model_schema(table, definitions)
    properties = schema["properties"]
    properties[WITHOUT_EFFECT] = {
        "type": "array",
        "deprecated": True,
        "description": "Deprecated: without effect.",
    }
    if issubclass(table, LayeredTable):
        schema["oneOf"] = [{"required": ["runtime"]}, {"required": ["frameworks"]}]
        properties["frameworks"]["minItems"] = 1
    if table is TABLES[0]:
        _allow_old_names(schema)
    return schema


def _allow_layer_fields(definitions: dict[str, Any]) -> None:
    """Let a variant have the fields of any kind of layer, but for those it cannot change."""
    variant = definitions[VariantSettings.__name__]
    variant["additionalProperties"] = False
    for table in TABLES:
        for name, field in definitions[table.__name__]["properties"].items():
            if name not in FIXED_FIELDS and not field.get("deprecated"):
                variant["properties"][name] = {**field}
                variant["properties"][name].pop("default", None)


def _allow_old_names(schema: dict[str, Any]) -> None:
    """Let each renamed field be given by its old name or by its new one."""
    for old, new in RENAMED.items():
        schema["properties"][old] = {
            **schema["properties"][new],
            "deprecated": True,
            "description": f"Deprecated: the old name of {new}.",
        }
        schema["required"].remove(new)
        schema["oneOf"] = [{"required": [new]}, {"required": [old]}]


def _model_schema(model: type[BaseModel], definitions: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = _plain(model.model_json_schema(ref_template=_REFERENCE))
    definitions.update(schema.pop("$defs", {}))
    return schema


def _plain(schema: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return ``schema`` without what TOML does not have (null) and what pydantic adds (titles)."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    alternatives = [item for item in schema.get("anyOf", ()) if item != {"type": "null"}]
    if len(alternatives) == 1:
        schema = {
            **{key: value for key, value in schema.items() if key != "anyOf"},
            **alternatives[0],
        }
    return {
        key: {name: _plain(item) for name, item in value.items()}
        if key == "properties"
        else _plain(value)
        for key, value in schema.items()
        if not (key == "title" or (key == "default" and value is None))
    }


def _uv_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "Settings of uv for locking, instead of venvstacks.uv.toml.",
        "properties": {
            "index": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["url"],
                    "properties": {
                        "name": {"type": "string"},
                        "url": {"type": "string"},
                        "explicit": {"type": "boolean"},
                        "default": {"type": "boolean"},
                    },
                },
                "description": "Package indexes; named ones can be referred to by layers.",
            },
            "sources": {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "required": ["index"],
                    "properties": {"index": {"type": "string"}},
                },
                "description": "The named index that a package comes from in every layer.",
            },
            "exclude-newer": {
                "description": "Ignore releases after this: a date, a date and time, or a span.",
            },
        },
    }
