"""Environment markers as one minor version of CPython sees them.

uv's answer holds for every Python from a version on, so its markers tell versions apart that no
layer can have. Without them the markers are those of a resolution for the minor version alone.
Grammar: PyPA "Dependency specifiers", Grammar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from packaging.markers import Marker
from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Iterable

_TOKEN = re.compile(r"""[()]|"[^"]*"|'[^']*'|not\s+in\b|[A-Za-z_.]+|[<>=!~]+""")
_PYTHON_VARIABLES = ("python_version", "python_full_version")
_LATEST_PATCH = 9999


@dataclass(frozen=True, kw_only=True, slots=True)
class _Group:
    operator: Literal["and", "or"]
    parts: tuple[_Node, ...]


_Node = bool | str | _Group


def for_python(marker: Marker, python_minor: str) -> Marker | None:
    """Return ``marker`` without what is the same for all patch versions of ``python_minor``.

    None means that it is always true there. A marker that is never true is returned as it is.
    """
    node = _Reader(_TOKEN.findall(str(marker)), python_minor).either()
    if isinstance(node, bool):
        return None if node else marker
    return Marker(_text(_factored(node)))


class _Reader:
    """Reads a marker's tokens from left to right, leaving out what is known."""

    def __init__(self, tokens: Iterable[str], python_minor: str) -> None:
        self._tokens = list(reversed(list(tokens)))
        self._minor = python_minor

    def either(self) -> _Node:
        parts = [self._both()]
        while self._next_is("or"):
            parts.append(self._both())
        return _joined("or", parts)

    def _both(self) -> _Node:
        parts = [self._one()]
        while self._next_is("and"):
            parts.append(self._one())
        return _joined("and", parts)

    def _one(self) -> _Node:
        if self._next_is("("):
            node = self.either()
            self._tokens.pop()  # the closing parenthesis
            return node
        left, operator, right = (self._tokens.pop() for _ in range(3))
        return _comparison(left, operator, right, self._minor)

    def _next_is(self, token: str) -> bool:
        if self._tokens and self._tokens[-1] == token:
            self._tokens.pop()
            return True
        return False


def _joined(operator: Literal["and", "or"], parts: Iterable[_Node]) -> _Node:
    decisive = operator == "or"
    kept: list[_Node] = []
    for part in parts:
        if part is decisive:
            return decisive
        same = isinstance(part, _Group) and part.operator == operator
        inner = part.parts if isinstance(part, _Group) and same else (part,)
        kept += [one for one in inner if one is not (not decisive) and one not in kept]
    if not kept:
        return not decisive
    return kept[0] if len(kept) == 1 else _Group(operator=operator, parts=tuple(kept))


def _factored(node: str | _Group) -> str | _Group:
    """Return alternatives that share their last condition as one, as uv writes them.

    uv does so only where there is no other condition on all of them, which Python's was.
    """
    if isinstance(node, str) or node.operator == "and":
        return node
    terms: list[_Node] = []
    for part in node.parts:
        last = terms[-1] if terms else None
        if isinstance(last, _Group) and isinstance(part, _Group) and _may_merge(last, part):
            machines = _joined("or", (last.parts[0], part.parts[0]))
            terms[-1] = _Group(operator="and", parts=(machines, part.parts[1]))
        else:
            terms.append(part)
    if len(terms) == 1 and isinstance(terms[0], _Group):
        return terms[0]
    return _Group(operator="or", parts=tuple(terms))


def _may_merge(first: _Group, second: _Group) -> bool:
    return len(first.parts) == len(second.parts) == 2 and first.parts[1] == second.parts[1]


def _comparison(left: str, operator: str, right: str, minor: str) -> bool | str:
    text = f"{left} {operator} {right}"
    if left not in _PYTHON_VARIABLES and right not in _PYTHON_VARIABLES:
        return text
    literal = (right if left in _PYTHON_VARIABLES else left).strip("\"'")
    answers = {
        Marker(text).evaluate({"python_version": minor, "python_full_version": full})
        for full in _telling_versions(literal, minor)
    }
    return answers.pop() if len(answers) == 1 else text


def _telling_versions(literal: str, minor: str) -> set[str]:
    """Return the full versions of one minor version that can differ in a comparison."""
    versions = {f"{minor}.0", f"{minor}.{_LATEST_PATCH}"}
    for word in re.split(r"[\s,|]+", literal):
        try:
            version = Version(word.removesuffix(".*"))
        except InvalidVersion:
            continue
        if f"{version.major}.{version.minor}" == minor:
            versions |= {str(version), f"{minor}.{version.micro}"}
    return versions


def _text(node: str | _Group) -> str:
    if isinstance(node, str):
        return node
    parts = (_inner_text(part) for part in node.parts)
    return f" {node.operator} ".join(parts)


def _inner_text(node: _Node) -> str:
    if isinstance(node, _Group):
        return f"({_text(node)})"
    return str(node)
