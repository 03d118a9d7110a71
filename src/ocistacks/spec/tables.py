"""The layer tables of a specification as they are written: fields, types and rules of each alone.

The fields are venvstacks 0.8's (its documentation, "Environment Stack File Formats"). What one
table says about another is checked where layers are resolved.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, ClassVar

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool
from pydantic_core import PydanticCustomError

from ocistacks.platforms import Platform
from ocistacks.spec.names import LayerKind, name_problem
from ocistacks.spec.targets import (
    DEFAULT_LINUX_TARGET,
    LINUX_TARGET_FORM,
    LINUX_TARGET_PATTERN,
    MACOSX_TARGET_FORM,
    macosx_version,
    normalised_linux_target,
)

_PYTHON_IMPLEMENTATION = r"^(cpython|pypy)@3\.[0-9]{1,3}\.[0-9]{1,3}((a|b|rc)[0-9]{1,3})?$"
PYTHON_IMPLEMENTATION_FORM = "'cpython@X.Y.Z', such as 'cpython@3.13.5'"


def _layer_name(text: str) -> str:
    problem = name_problem(text)
    if problem is not None:
        raise PydanticCustomError(
            "layer_name",
            "the name {problem}",
            {"problem": problem, "expected": "a name that can be a folder's name"},
        )
    return text


@lru_cache(maxsize=4096)  # asked for when a table is checked, and when its layer is made
def parsed_requirement(text: str) -> Requirement:
    """Return a dependency specifier; InvalidRequirement where it is none."""
    return Requirement(text)


def _requirement(text: str) -> str:
    try:
        parsed_requirement(text)
    except InvalidRequirement as error:
        raise PydanticCustomError(
            "requirement",
            "invalid requirement syntax: {reason}",
            {
                "reason": str(error).partition("\n")[0],
                "expected": "a dependency specifier, such as 'numpy>=2; sys_platform == \"linux\"'",
            },
        ) from error
    return text


def _linux_target(text: str) -> str:
    try:
        normalised_linux_target(text)
    except ValueError as error:
        raise PydanticCustomError(
            "linux_target", "not a Linux target", {"expected": LINUX_TARGET_FORM}
        ) from error
    return text


def _macosx_target(text: str) -> str:
    try:
        macosx_version(text)
    except ValueError as error:
        raise PydanticCustomError(
            "macosx_target", "not a macOS target", {"expected": MACOSX_TARGET_FORM}
        ) from error
    return text


def _package_indexes(table: dict[str, str]) -> dict[str, str]:
    normalised: dict[str, str] = {}
    for name, index in table.items():
        normal = canonicalize_name(name)
        if normal in normalised:
            raise PydanticCustomError(
                "package_twice",
                "the package {package} has two entries after its name is normalised",
                {"package": repr(str(normal)), "expected": "one index for each package"},
            )
        normalised[normal] = index
    return normalised


def _python_implementation(text: str) -> str:
    if "\n" in text or not re.match(_PYTHON_IMPLEMENTATION, text):
        version = re.fullmatch(r"(?:c?python)?\W*(3\.[0-9]{1,3}\.[0-9]{1,3})", text, re.IGNORECASE)
        raise PydanticCustomError(
            "python_implementation",
            "not a Python implementation",
            {
                "expected": PYTHON_IMPLEMENTATION_FORM,
                "nearest": f"cpython@{version[1]}" if version else "",
            },
        )
    return text


def _module_path(text: str) -> str:
    parts = [part for part in re.split(r"[/\\]", text) if part not in {"", "."}]
    if "\x00" in text or not parts or parts[-1] == "..":
        raise PydanticCustomError(
            "module_path",
            "not the path of a module",
            {"expected": "the path of a .py file or package folder, from the stack's folder"},
        )
    return text


class LayerTable(BaseModel):
    """The fields that every layer may have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[LayerKind]

    name: Annotated[str, AfterValidator(_layer_name)] = Field(description="The layer's name.")
    requirements: tuple[Annotated[str, AfterValidator(_requirement)], ...] = Field(
        description="The packages to install, as dependency specifiers; may be empty."
    )
    platforms: tuple[Platform, ...] | None = Field(
        default=None,
        description="The platforms to build for, by default those of the layers below; an empty "
        "list switches this layer and all above it off.",
    )
    versioned: StrictBool = Field(
        default=False, description="Whether the deployed name ends with @ and the lock's version."
    )
    linux_target: Annotated[str, AfterValidator(_linux_target)] = Field(
        default=DEFAULT_LINUX_TARGET,
        description="The oldest glibc that Linux wheels may ask for: glibc or glibc@X.Y.",
        json_schema_extra={"pattern": LINUX_TARGET_PATTERN},
    )
    macosx_target: Annotated[str, AfterValidator(_macosx_target)] | None = Field(
        default=None,
        description="The oldest macOS that wheels may ask for; by default the environment "
        "variable MACOSX_DEPLOYMENT_TARGET, else 13.0.",
    )
    dynlib_exclude: tuple[str, ...] = Field(
        default=(),
        description="Glob patterns of shared libraries that other layers shall not find.",
    )
    package_indexes: Annotated[dict[str, str], AfterValidator(_package_indexes)] = Field(
        default_factory=dict,
        description="Which named index of tool.uv a package comes from; layers above inherit it.",
    )
    index_overrides: dict[str, str] = Field(
        default_factory=dict,
        description="Conflicts of package_indexes that are meant: the lower layer's index name, "
        "then the one that stands for it here.",
    )
    priority_indexes: tuple[str, ...] = Field(
        default=(), description="The named indexes of tool.uv that are asked first, in this order."
    )


class RuntimeTable(LayerTable):
    """One of `[[runtimes]]`."""

    kind: ClassVar[LayerKind] = LayerKind.RUNTIME

    python_implementation: Annotated[str, AfterValidator(_python_implementation)] = Field(
        description="The Python interpreter: cpython@X.Y.Z.",
        json_schema_extra={"pattern": _PYTHON_IMPLEMENTATION},
    )


class LayeredTable(LayerTable):
    """The fields of layers that stand on others; exactly one of the two is given."""

    runtime: str | None = Field(
        default=None, description="The name of the runtime that the layer stands on directly."
    )
    frameworks: tuple[str, ...] | None = Field(
        default=None,
        description="The names of the frameworks that the layer stands on, declared before it.",
    )


class FrameworkTable(LayeredTable):
    """One of `[[frameworks]]`."""

    kind: ClassVar[LayerKind] = LayerKind.FRAMEWORK


class ApplicationTable(LayeredTable):
    """One of `[[applications]]`."""

    kind: ClassVar[LayerKind] = LayerKind.APPLICATION

    launch_module: Annotated[str, AfterValidator(_module_path)] = Field(
        description="The path of the module or package that is run, from the stack's folder."
    )
    support_modules: tuple[Annotated[str, AfterValidator(_module_path)], ...] = Field(
        default=(), description="The paths of further modules and packages that it imports."
    )


TABLES: tuple[type[LayerTable], ...] = (RuntimeTable, FrameworkTable, ApplicationTable)
