"""JSON with one byte form per value (RFC 8785), for what is hashed."""

from __future__ import annotations

import json


def canonical_json(value: object) -> bytes:
    """Return the canonical UTF-8 form of a JSON value made of dicts, lists, str, int, bool, None.

    RFC 8785 sorts keys by UTF-16 code units. Floats are refused with TypeError: no document of
    ours holds one, and their canonical form is the one hard part of the RFC.
    """
    return json.dumps(
        _ordered(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")
    ).encode()


def _ordered(value: object) -> object:
    if isinstance(value, dict):
        items = sorted(value.items(), key=lambda item: item[0].encode("utf-16-be"))
        return {key: _ordered(item) for key, item in items}
    if isinstance(value, list | tuple):
        return [_ordered(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    message = f"{type(value).__name__} has no canonical JSON form here"
    raise TypeError(message)
