"""JSON with one byte form per value (RFC 8785), for what is hashed."""

from __future__ import annotations

import json

LARGEST_INTEGER = 2**53 - 1
"""RFC 8785, section 3.2.2.3: numbers are IEEE 754 doubles."""


def canonical_json(value: object) -> bytes:
    """Return the canonical UTF-8 form of a JSON value made of dicts, lists, str, int, bool, None.

    RFC 8785 sorts keys by UTF-16 code units. Floats are refused with TypeError: no document of
    ours holds one, and their canonical form is the one hard part of the RFC. Integers that a
    double cannot hold exactly, and lone surrogates, are refused with ValueError.
    """
    return json.dumps(
        _ordered(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")
    ).encode()


def _ordered(value: object) -> object:
    if isinstance(value, dict):
        keys = sorted((_utf16(key), key) for key in value)
        return {key: _ordered(value[key]) for _, key in keys}
    if isinstance(value, list | tuple):
        return [_ordered(item) for item in value]
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            message = f"{value} is beyond the integers that all JSON readers agree on"
            raise ValueError(message)
        return value
    message = f"{type(value).__name__} has no canonical JSON form here"
    raise TypeError(message)


def _utf16(key: object) -> bytes:
    if not isinstance(key, str):
        message = f"{type(key).__name__} is no key of a JSON object"
        raise TypeError(message)
    return key.encode("utf-16-be")
