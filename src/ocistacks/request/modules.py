"""The launch and support modules of an application as one canonical tar.

Plain ustar, sorted, with constant owners, modes and times, so that its digest depends on names
and contents alone.
"""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

from ocistacks.spec.source_filter import walk_module

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ocistacks.spec.model import ApplicationSpec

_MODE = 0o644
_CHUNK_BYTES = 1 << 20


def modules_tar(layer: ApplicationSpec) -> Iterator[bytes]:
    """Yield the tar of an application's modules, each at the top level under its own name.

    It is made anew at each call, and never held as a whole: a module may bring large data.
    """
    entries = sorted(
        entry
        for module in (layer.launch_module, *layer.support_modules)
        for entry in _entries(module)
    )
    for name, path in entries:
        with path.open("rb") as stream:
            header = tarfile.TarInfo(name)
            header.size = path.stat().st_size
            header.mode = _MODE
            yield header.tobuf(tarfile.PAX_FORMAT)
            while chunk := stream.read(_CHUNK_BYTES):
                yield chunk
        yield b"\0" * (-header.size % tarfile.BLOCKSIZE)
    yield b"\0" * (2 * tarfile.BLOCKSIZE)


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
