"""From pydantic's errors to faults that speak of TOML and of what was meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from ocistacks.platforms import Platform
from ocistacks.spec.faults import Fault, KeyPath, shown
from ocistacks.spec.names import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)

_KINDS = {
    "string_type": "a string",
    "bool_type": "true or false",
    "int_type": "an integer",
    "tuple_type": "an array",
    "dict_type": "a table",
    "mapping_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
_LIMITS = ("greater_than_equal", "less_than_equal")


def validated(
    model: type[Model],
    table: object,
    path: KeyPath,
    *,
    layer: str | None = None,
    nested: type[BaseModel] | None = None,
    beside: tuple[str, ...] = (),
) -> tuple[Model | None, tuple[Fault, ...]]:
    """Return the model made of ``table``, which stands at ``path``, or None and its faults.

    ``nested`` is the model of the tables inside, where there are such; ``beside`` are keys that the
    table may have and that are read elsewhere.
    """
    try:
        return model.model_validate(table), ()
    except ValidationError as error:
        details = error.errors(include_url=False)
    return None, tuple(
        _fault(detail, path, layer, (model, nested or model), beside) for detail in details
    )


def _fault(
    detail: ErrorDetails,
    path: KeyPath,
    layer: str | None,
    models: tuple[type[BaseModel], type[BaseModel]],
    beside: tuple[str, ...],
) -> Fault:
    inner = tuple(part for part in detail["loc"] if part != "[key]")
    fields = models[0 if len(inner) <= 1 else 1].model_fields
    field = fields.get(str(inner[-1])) if inner else None
    context: Mapping[str, Any] = detail.get("ctx", {})
    kind, value = detail["type"], detail["input"]
    problem, allowed = detail["msg"], context.get("expected")
    found: str | None = shown(value)
    choices: tuple[str, ...] = ()
    if kind == "extra_forbidden":
        value = inner[-1]
        problem, found, choices = (
            "unknown field",
            shown(value),
            (*fields, *(beside if len(inner) == 1 else ())),
        )
    elif kind == "missing":
        problem, allowed = "missing field", field.description if field else None
    elif kind == "enum":
        problem, choices = "unknown platform", tuple(platform.value for platform in Platform)
    elif kind == "literal_error":
        problem, choices = "unknown value", tuple(re.findall(r"'([^']*)'", str(allowed)))
    elif kind in _KINDS:
        problem, allowed = "wrong type", _KINDS[kind]
    elif kind in _LIMITS:
        problem, allowed = "out of range", field.description if field else None
    if kind == "missing" or context.get("secret"):
        found = None
    return Fault(
        path=(*path, *inner),
        problem=problem,
        layer=layer,
        found=context.get("actual", found),
        allowed=", ".join(choices) or allowed,
        nearest=context.get("nearest")
        or (nearest(value, choices) if isinstance(value, str) else None),
    )
