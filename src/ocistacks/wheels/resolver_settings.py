"""The projects that uv resolves for a build, and what uv's settings say about builds.

The settings are uv's own, of the stack's `[tool.uv]`: `extra-build-dependencies`,
`extra-build-variables`, `config-settings`, `config-settings-package` and
`build-constraint-dependencies` (uv, "Settings").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ocistacks.errors import UsageError
from ocistacks.lock.project import for_platforms_alone, resolver_project

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.pylock import Package

    from ocistacks.spec.model import LayerSpec

_BUILD_SETTINGS = (
    "build-constraint-dependencies",
    "config-settings",
    "config-settings-package",
    "extra-build-dependencies",
    "extra-build-variables",
)
# They choose among sdists and wheels, or give another source; here that is decided already.
_DECIDED_HERE = (
    "no-binary",
    "no-binary-package",
    "no-build-isolation-package",
    "no-build-package",
    "override-dependencies",
    "upgrade",
    "upgrade-package",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildSettings:
    """What `[tool.uv]` says about the build of one package."""

    requirements: tuple[str, ...]
    config_settings: Mapping[str, str | tuple[str, ...]]
    variables: Mapping[str, str]


def build_settings(name: str, configuration: Mapping[str, Any]) -> BuildSettings:
    """Return the settings for the build of the package ``name``, which is normalised.

    Raises:
        UsageError: one of them has a form that cannot be used.
    """
    variables = _of_package(name, configuration.get("extra-build-variables"))
    options = {
        **_table(configuration.get("config-settings"), "config-settings"),
        **_of_package(name, configuration.get("config-settings-package")),
    }
    return BuildSettings(
        requirements=_extra_requirements(name, configuration),
        config_settings={key: _option(key, value) for key, value in sorted(options.items())},
        variables={key: str(value) for key, value in sorted(variables.items())},
    )


def sdist_project(
    requirement: Requirement,
    layer: LayerSpec,
    configuration: Mapping[str, Any],
    lower_packages: Iterable[Package],
) -> dict[str, Any]:
    """Return the project by which uv tells which sdist a requirement takes."""
    project = resolver_project(layer, _without(configuration), lower_packages)
    project = for_platforms_alone(project, layer)
    settings = {key: value for key, value in project["tool"]["uv"].items() if key != "no-build"}
    settings["no-binary-package"] = [requirement.name]
    return _requiring([f"{requirement.name}{requirement.specifier}"], project, settings)


def requirements_project(
    requirements: Iterable[str], layer: LayerSpec, configuration: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the project by which uv resolves the requirements of a build, to wheels alone."""
    project = resolver_project(layer, _without(configuration), ())
    settings = {
        **project["tool"]["uv"],
        "constraint-dependencies": list(configuration.get("build-constraint-dependencies", ())),
    }
    return _requiring(sorted(requirements), project, settings)


def _without(configuration: Mapping[str, Any]) -> dict[str, Any]:
    left_out = {*_BUILD_SETTINGS, *_DECIDED_HERE}
    return {key: value for key, value in configuration.items() if key not in left_out}


def _requiring(
    requirements: Sequence[str], project: Mapping[str, Any], settings: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "project": {**project["project"], "dependencies": list(requirements)},
        "tool": {"uv": dict(settings)},
    }


def _extra_requirements(name: str, configuration: Mapping[str, Any]) -> tuple[str, ...]:
    key = "extra-build-dependencies"
    extra = _table(configuration.get(key), key)
    listed: list[object] = []
    for package, entries in extra.items():
        if canonicalize_name(package) == name:
            listed += entries if isinstance(entries, list) else [entries]
    try:
        return tuple(str(Requirement(_requirement_text(entry))) for entry in listed)
    except InvalidRequirement as error:
        raise UsageError(
            "A build requirement cannot be read.",
            where=f"[tool.uv], {key}, {name}",
            found=str(error),
            expected="requirements, such as 'setuptools<80'",
        ) from error


def _requirement_text(entry: object) -> str:
    if not isinstance(entry, Mapping):
        return str(entry)
    if entry.get("match-runtime"):
        raise InvalidRequirement(f"match-runtime of {entry.get('requirement')}")
    return str(entry.get("requirement", ""))


def _of_package(name: str, tables: object) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if isinstance(tables, Mapping):
        for package, table in tables.items():
            if canonicalize_name(package) == name:
                found.update(_table(table, package))
    return found


def _table(value: object, where: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UsageError("A setting of uv is no table.", where=f"[tool.uv], {where}")
    return value


def _option(key: str, value: object) -> str | tuple[str, ...]:
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise UsageError(
        "A config setting has a form that no build backend takes.",
        where=f"[tool.uv], config-settings, {key}",
        found=repr(value),
        expected="a string or a list of strings",
    )
