"""The project that stands for a layer when uv resolves it.

A project, not a list of requirements: the ``sources`` of ``[tool.uv]`` work in projects only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from ocistacks.canonical_json import canonical_json
from ocistacks.digests import Digest
from ocistacks.lock.shared import marker_text
from ocistacks.redaction import without_user
from ocistacks.spec.model import runtime_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

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
    settings["workspace"] = {}  # else uv may take the project for a part of one further up
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


def with_options(
    project: Mapping[str, Any], *, no_index: bool, local_wheels: Iterable[Path]
) -> dict[str, Any]:
    """Return a layer's project with what the command line adds to the settings of uv."""
    settings = dict(project["tool"]["uv"])
    if no_index:
        settings["no-index"] = True
    if folders := [str(folder) for folder in local_wheels]:
        settings["find-links"] = [*settings.get("find-links", ()), *folders]
    return _with_settings(project, settings)


def for_platforms_alone(project: Mapping[str, Any], layer: LayerSpec) -> dict[str, Any]:
    """Return a layer's project that uv resolves for each of the layer's platforms by itself."""
    markers = list(environment_markers(layer).values())
    return _with_settings(project, {**project["tool"]["uv"], "environments": markers})


def resolver_inputs_hash(project: Mapping[str, Any], platforms: Iterable[Platform]) -> Digest:
    """Return the digest of all that a lock is resolved from, but for credentials."""
    inputs = {"project": _textual(project), "platforms": sorted(platforms)}
    return Digest.of_bytes(canonical_json(inputs))


def environment_markers(layer: LayerSpec) -> dict[Platform, str]:
    """Return for each platform of ``layer`` the marker that is true there and nowhere else.

    Its form is the one that uv gives back.
    """
    return {
        platform: f"platform_machine == '{values['platform_machine']}'"
        f" and sys_platform == '{values['sys_platform']}'"
        for platform in layer.platforms
        for values in (platform.marker_environment("3"),)
    }


def _project_name(layer: LayerSpec) -> str:
    """Return a valid name that no requirement has, so that nothing can depend on itself."""
    letters = (c if c.isascii() and c.isalnum() else "-" for c in layer.environment_name)
    return f"{PROJECT_PREFIX}{''.join(letters).strip('-') or 'x'}-x"


def _constraints(packages: Iterable[Package]) -> list[str]:
    """Return what the layers below pin, sorted by name; a nearer layer hides a deeper one."""
    pinned_everywhere: set[str] = set()
    pinned: dict[tuple[str, str], str] = {}
    for package in packages:
        key = (package.name, marker_text(package.marker))
        if package.name in pinned_everywhere or key in pinned:
            continue
        suffix = f" ; {key[1]}" if key[1] else ""
        pinned[key] = f"{package.name}=={package.version}{suffix}"
        if package.marker is None:
            pinned_everywhere.add(package.name)
    # By name alone: within one, the nearest layer stays first.
    return [pinned[key] for key in sorted(pinned, key=lambda key: key[0])]


def _indexes(layer: LayerSpec, declared: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the indexes in venvstacks' order.

    First those that the layer gives priority, then the explicit ones that its packages name, then
    the others. Explicit ones that none of them names stand at the end, where uv does not ask them.
    """
    indexes = [dict(index) for index in declared]
    named = {index["name"]: index for index in indexes if "name" in index}
    first = [{**named[name], "explicit": False} for name in layer.priority_indexes if name in named]
    others = [index for index in indexes if index.get("name") not in layer.priority_indexes]
    explicit = [index for index in others if index.get("explicit") and not index.get("default")]
    wanted = set(layer.package_indexes.values())
    return [
        *first,
        *(index for index in explicit if index.get("name") in wanted),
        *(index for index in others if index not in explicit),
        *(index for index in explicit if index.get("name") not in wanted),
    ]


def _with_settings(project: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    return {**project, "tool": {**project["tool"], "uv": dict(settings)}}


def _textual(value: object) -> object:
    """Return a TOML value as JSON can hold it, dates and floats as their text."""
    if isinstance(value, dict):
        return {key: _textual(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_textual(item) for item in value]
    if isinstance(value, str):
        return without_user(value)
    return value if isinstance(value, bool) else str(value)
