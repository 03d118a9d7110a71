"""Read a stack from its file: the one module of the room that opens files."""

from __future__ import annotations

import os
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ocistacks.errors import NotFoundError, SpecError
from ocistacks.spec.parse import parse_stack
from ocistacks.spec.uv_table import UV_FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocistacks.spec.model import StackSpec

LARGEST_FILE = 4 * 1024 * 1024
"""In bytes; a specification of a thousand layers has a tenth of it."""


def read_stack(
    path: Path,
    *,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> StackSpec:
    """Return the stack that the file ``path`` describes.

    ``environment`` is the process's by default; ``overrides`` are settings given by flags, by their
    names in `[tool.ocistacks]`, None for one that was not given. Raises NotFoundError where the
    file is missing, SpecError with all that is wrong in it, and UsageError where an environment
    variable or an override makes no sense.
    """
    # As venvstacks: links are not followed, so that paths stay relative to where the file is seen.
    absolute = Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - resolve() follows links
    document = _read_toml(absolute)
    if document is None:
        raise NotFoundError(
            "There is no stack specification.",
            where=str(absolute),
            hint="name the file, or the folder's venvstacks.toml, as the first argument",
        )
    return parse_stack(
        document,
        _read_toml(absolute.parent / UV_FILE_NAME),
        path=absolute,
        environment=os.environ if environment is None else environment,
        overrides=overrides or {},
        list_folder=cache(_names_in),
    )


def _read_toml(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SpecError(
            f"{path.name} cannot be read.",
            where=str(path),
            found=error.strerror,
            expected="a file in TOML that can be read",
        ) from error
    if len(content) > LARGEST_FILE:
        raise SpecError(
            f"{path.name} is too large to be a specification.",
            where=str(path),
            expected=f"at most {LARGEST_FILE} bytes",
        )
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise SpecError(
            f"{path.name} is not UTF-8, as TOML must be.",
            where=str(path),
            found=f"byte 0x{content[error.start]:02x} at offset {error.start}",
            expected="UTF-8 text",
        ) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SpecError(
            f"{path.name} is not valid TOML.",
            where=str(path),
            found=str(error) or "too many nested values",
            expected="TOML 1.0",
        ) from error


def _names_in(folder: Path) -> frozenset[str]:
    """Return the names in ``folder`` that lead to a file or a folder, none where it is missing."""
    try:
        return frozenset(entry.name for entry in folder.iterdir() if entry.exists())
    except OSError:
        return frozenset()
