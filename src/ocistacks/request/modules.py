"""The launch and support modules of an application as one canonical tar.

Plain ustar, sorted, with constant owners, modes and times, so that its digest depends on names
and contents alone.
"""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

from ocistacks.spec.source_filter import walk_module

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ocistacks.spec.model import ApplicationSpec

_MODE = 0o644


def modules_tar(layer: ApplicationSpec) -> bytes:
    """Return the tar of an application's modules, each at the top level under its own name.

    Source files are small, so the tar is held in memory.
    """
    entries = sorted(
        entry
        for module in (layer.launch_module, *layer.support_modules)
        for entry in _entries(module)
    )
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, path in entries:
            content = path.read_bytes()
            header = tarfile.TarInfo(name)
            header.size = len(content)
            header.mode = _MODE
            archive.addfile(header, io.BytesIO(content))
    return buffer.getvalue()


def _entries(module: Path) -> Iterator[tuple[str, Path]]:
    if not module.is_dir():
        yield module.name, module
        return
    for folder, files in walk_module(module):
        for file in files:
            yield (
                f"{module.name}/{folder.relative_to(module).as_posix()}/{file.name}".replace(
                    "/./", "/"
                ),
                file,
            )
