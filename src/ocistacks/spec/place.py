"""Where a layer is written: in its own table, and what a variant says of it in another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from ocistacks.spec.faults import KeyPath

ADDED_LISTS = ("requirements", "dynlib_exclude", "priority_indexes", "support_modules")
ADDED_TABLES = ("package_indexes", "index_overrides")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """The key path of a layer's table and, where it is a variant's, of the variant's own table.

    ``own`` and ``variant`` are what the two tables say.
    """

    path: KeyPath
    own: Mapping[str, object]
    variant_path: KeyPath | None = None
    variant: Mapping[str, object] = field(default_factory=dict)

    @property
    def layer_path(self) -> KeyPath:
        """Where the layer becomes one of its own."""
        return self.variant_path or self.path

    @property
    def name_path(self) -> KeyPath:
        """Where the layer gets its name."""
        return self.variant_path or (*self.path, "name")

    def at(self, name: str, *inner: str | int) -> KeyPath:
        """Return where the user wrote the field ``name``, or what is at ``inner`` within it.

        Packages may be given by their normalised names; the path has them as they are written.
        """
        own, variant = self.own.get(name), self.variant.get(name)
        in_own = (*self.path, name, *_as_written(name, own, inner))
        if self.variant_path is None or name not in self.variant:
            return in_own
        there = (*self.variant_path, name)
        if inner and name in ADDED_LISTS and isinstance(own, list) and isinstance(inner[0], int):
            position = inner[0] - len(own)
            return in_own if position < 0 else (*there, position, *inner[1:])
        if inner and name in ADDED_TABLES and _written_key(name, variant, inner[0]) is None:
            return in_own
        return (*there, *_as_written(name, variant, inner))


def merged(own: Mapping[str, object], variant: Mapping[str, object]) -> dict[str, object]:
    """Return a layer's table as a variant has it: some fields are added to, others replaced."""
    result = dict(own)
    for name, value in variant.items():
        before = result.get(name)
        if name in ADDED_LISTS and isinstance(before, list) and isinstance(value, list):
            result[name] = [*before, *value]
        elif name in ADDED_TABLES and isinstance(before, Mapping) and isinstance(value, Mapping):
            again = {_written_key(name, before, key) for key in value}
            kept = {key: index for key, index in before.items() if key not in again}
            result[name] = {**kept, **value}
        else:
            result[name] = value
    return result


def _as_written(name: str, table: object, inner: tuple[str | int, ...]) -> tuple[str | int, ...]:
    key = _written_key(name, table, inner[0]) if inner else None
    return inner if key is None else (key, *inner[1:])


def _written_key(name: str, table: object, key: str | int) -> str | None:
    """Return the key of ``table``, the field ``name``, that means the same as ``key``."""
    if not isinstance(table, Mapping) or isinstance(key, int):
        return None
    if key in table or name != "package_indexes":
        return key if key in table else None
    normal = canonicalize_name(key)
    return next((written for written in table if canonicalize_name(written) == normal), None)
