"""The project that stands for a layer when uv resolves it.

A project, not a list of requirements: the ``sources`` of ``[tool.uv]`` work in projects only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from ocistacks.canonical_json import canonical_json
from ocistacks.digests import Digest
from ocistacks.http_session import without_user
from ocistacks.spec.model import runtime_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.pylock import Package

    from ocistacks.platforms import Platform
    from ocistacks.spec.model import LayerSpec

PROJECT_PREFIX = "ocistacks-layer-"


def resolver_project(
    layer: LayerSpec, uv_configuration: Mapping[str, Any], lower_packages: Iterable[Package]
) -> dict[str, Any]:
    """Return the content of the ``pyproject.toml`` that uv resolves for ``layer``.

    ``uv_configuration`` is the stack's ``[tool.uv]``; ``lower_packages`` are what the layers
    below have locked, nearest first, and become constraints.
    """
    settings = dict(uv_configuration)
    settings.pop("cache-keys", None)
    settings["no-build"] = True
    settings["environments"] = list(environment_markers(layer).values())
    settings["constraint-dependencies"] = [
        *settings.get("constraint-dependencies", ()),
        *_constraints(lower_packages),
    ]
    settings["index"] = _indexes(layer, settings.get("index", ()))
    common: Mapping[str, Any] = settings.get("sources", {})
    settings["sources"] = {
        **{str(canonicalize_name(name)): source for name, source in common.items()},
        **{name: {"index": index} for name, index in layer.package_indexes.items()},
    }
    for key in ("index", "sources"):
        if not settings[key]:
            del settings[key]
    return {
        "project": {
            "name": _project_name(layer),
            "version": "0",
            "requires-python": f"=={runtime_of(layer).python_minor}.*",
            "dependencies": [str(requirement) for requirement in layer.requirements],
        },
        "tool": {"uv": settings},
    }


def project_hash(project: Mapping[str, Any]) -> Digest:
    """Return the digest of all that uv is given to resolve a layer, but for credentials."""
    return Digest.of_bytes(canonical_json(_textual(project)))


def environment_markers(layer: LayerSpec) -> dict[Platform, str]:
    """Return for each platform of ``layer`` the marker that is true there and nowhere else.

    uv resolves for all later versions of Python too, so the marker holds it to the layer's minor
    version. Its form is the one that uv gives back.
    """
    major, minor = (int(part) for part in runtime_of(layer).python_minor.split("."))
    return {
        platform: f"python_full_version < '{major}.{minor + 1}'"
        f" and platform_machine == '{values['platform_machine']}'"
        f" and sys_platform == '{values['sys_platform']}'"
        for platform in layer.platforms
        for values in (platform.marker_environment("3"),)
    }


def _project_name(layer: LayerSpec) -> str:
    """Return a valid name that no requirement has, so that nothing can depend on itself."""
    letters = (c if c.isascii() and c.isalnum() else "-" for c in layer.environment_name)
    return f"{PROJECT_PREFIX}{''.join(letters).strip('-') or 'x'}-x"


def _constraints(packages: Iterable[Package]) -> list[str]:
    constraints: list[str] = []
    pinned_everywhere: set[str] = set()
    for package in packages:
        if package.name in pinned_everywhere:
            continue  # a nearer layer's version hides it
        if package.marker is None:
            pinned_everywhere.add(package.name)
            constraints.append(f"{package.name}=={package.version}")
        else:
            constraints.append(f"{package.name}=={package.version} ; {package.marker}")
    return constraints


def _indexes(layer: LayerSpec, declared: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the indexes in venvstacks' order: priority ones, those of packages, the others."""
    indexes = [dict(index) for index in declared]
    named = {index["name"]: index for index in indexes if "name" in index}
    first = [dict(named[name]) for name in layer.priority_indexes if name in named]
    for index in first:
        index.pop("explicit", None)
    taken = {index["name"] for index in first}
    wanted = set(layer.package_indexes.values()) - taken
    second = [index for index in indexes if index.get("name") in wanted]
    taken |= {index["name"] for index in second}
    return [*first, *second, *(index for index in indexes if index.get("name") not in taken)]


def _textual(value: object) -> object:
    """Return a TOML value as JSON can hold it, dates and floats as their text."""
    if isinstance(value, dict):
        return {key: _textual(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_textual(item) for item in value]
    if isinstance(value, str):
        return without_user(value)
    return value if isinstance(value, bool) else str(value)
