"""The scripts that a wheel declares (PyPA "Entry points specification")."""

from __future__ import annotations

import configparser
import re
import zipfile
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ocistacks.errors import BuildError
from ocistacks.request.model import ScriptInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SECTIONS = ("console_scripts", "gui_scripts")
_FILE = re.compile(r"[^/]+\.dist-info/entry_points\.txt")
_LARGEST_FILE_BYTES = 1 << 20


def console_scripts(wheel: Path, filename: str) -> tuple[ScriptInput, ...]:
    """Return the scripts of the wheel in the file ``wheel``, which is called ``filename``.

    Raises:
        BuildError: it is no wheel, or what it declares cannot be a script.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            files = [name for name in archive.namelist() if _FILE.fullmatch(name)]
            folders = [name.partition("/")[0] for name in files]
            declared = [found for name in folders for found in declared_scripts(archive, name)]
    except zipfile.BadZipFile as error:
        raise BuildError("A wheel cannot be read.", where=filename, found=str(error)) from error
    return tuple(_script(name, value, filename) for name, value in declared)


def declared_scripts(archive: zipfile.ZipFile, folder: str) -> Iterator[tuple[str, str]]:
    """Yield name and object reference of each script that an opened wheel declares.

    ``folder`` is its `.dist-info`. Raises BuildError where the declaration cannot be read.
    """
    name = f"{folder}/entry_points.txt"
    if name not in archive.namelist():
        return
    if archive.getinfo(name).file_size > _LARGEST_FILE_BYTES:
        raise _unreadable(archive, name, f"more than {_LARGEST_FILE_BYTES} bytes")
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    try:
        parser.read_string(archive.read(name).decode())
    except (configparser.Error, UnicodeDecodeError) as error:
        raise _unreadable(archive, name, str(error)) from error
    for section in _SECTIONS:
        if parser.has_section(section):
            yield from parser.items(section)


def _unreadable(archive: zipfile.ZipFile, name: str, found: str) -> BuildError:
    return BuildError(
        "A wheel's entry points cannot be read.", where=f"{archive.filename}, {name}", found=found
    )


def _script(name: str, value: str, filename: str) -> ScriptInput:
    reference = value.partition("[")[0].strip()
    module, _, attribute = reference.partition(":")
    try:
        return ScriptInput(name=name, module=module.strip(), attribute=attribute.strip())
    except ValidationError as error:
        raise BuildError(
            "A wheel declares what cannot be a console script.",
            where=filename,
            found=f"{name} = {value}"[:300],
            expected="NAME = module:attribute",
            hint="leave the package out of the layer, or lock another version",
        ) from error
