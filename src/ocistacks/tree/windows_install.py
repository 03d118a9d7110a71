"""Installing wheels into a tree for Windows on a machine that is none, through pypa/installer.

uv lays wheels out as the interpreter does that it is given, and on Linux none lays them out as on
Windows. Entry points become launchers (.exe) with a small zip behind them, which start the
interpreter that lies where they lie themselves.
"""

from __future__ import annotations

import configparser
import io
import re
import warnings
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.exceptions import InstallerError
from installer.scripts import Script
from installer.sources import WheelFile
from installer.utils import Scheme
from packaging.utils import canonicalize_name

from ocistacks.errors import BuildError, UnsafeContentError
from ocistacks.platforms import Platform
from ocistacks.spec.names import LayerKind
from ocistacks.tree.layout import tree_layout

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from installer.records import RecordEntry
    from installer.scripts import LauncherKind, ScriptSection

    from ocistacks.digests import Digest
    from ocistacks.request.model import BuildRequest, WheelInput
    from ocistacks.tree.wheel_files import WheelTargets

_LAUNCHERS: dict[Platform, LauncherKind] = {
    Platform.WIN_AMD64: "win-amd64",
    Platform.WIN_ARM64: "win-arm64",
}
# A launcher puts its own folder in the place of the first word. A runtime's interpreter lies above
# its scripts, that of another layer among them.
_ABOVE_LAUNCHER = "<launcher_dir>\\..\\python.exe"
_BESIDE_LAUNCHER = "<launcher_dir>\\python.exe"

_INSTALLER = b"ocistacks\n"
# Other separators, drives and streams, ways upwards, and endings that Windows drops.
_UNSAFE = re.compile(r'[<>:"\\|?*\x00-\x1f]|(^|/)\.\.(/|$)|[. ](/|$)')


@dataclass
class _WindowsTree(SchemeDictionaryDestination):
    """A tree for Windows; ``interpreter`` is what plain scripts name, and not what launchers do."""

    launched: str = ""

    def write_script(
        self, name: str, module: str, attr: str, section: ScriptSection
    ) -> RecordEntry:
        script = Script(name, module, attr, section)
        file_name, content = script.generate(self.launched, self.script_kind)
        with io.BytesIO(_without_time(content)) as stream:
            return self.write_to_fs(Scheme("scripts"), file_name, stream, is_executable=True)


def install_windows_wheels(
    request: BuildRequest,
    contents: Sequence[WheelTargets],
    *,
    material: Callable[[Digest], Path],
    tree: Path,
    work: Path,
) -> None:
    """Install the wheels of a request; ``contents`` says what each installs (``check_wheels``).

    Where two wheels bring the same file, the later one wins. ``work`` is a folder for what is
    needed on the way.

    Raises:
        BuildError: a wheel is broken.
        UnsafeContentError: a wheel brings a file with a name that Windows does not take as it is.
    """
    folder = work / "wheels"
    folder.mkdir()
    layout = tree_layout(request.platform, request.python.minor)
    is_runtime = request.kind is LayerKind.RUNTIME
    for wheel, targets in zip(request.wheels, contents, strict=True):
        _refuse_unsafe(wheel, targets)
        path = folder / wheel.filename
        path.symlink_to(material(wheel.digest))
        site_packages = str(tree / layout.site_packages)
        distribution = canonicalize_name(wheel.filename.partition("-")[0])
        destination = _WindowsTree(
            scheme_dict={
                "purelib": site_packages,
                "platlib": site_packages,
                "headers": str(tree / layout.headers / distribution),
                "scripts": str(tree / layout.scripts),
                "data": str(tree),
            },
            interpreter="python",
            script_kind=_LAUNCHERS[request.platform],
            overwrite_existing=True,
            launched=_ABOVE_LAUNCHER if is_runtime else _BESIDE_LAUNCHER,
        )
        _install(path, destination)


def write_lower_launchers(tree: Path, request: BuildRequest) -> None:
    """Let a layer's ``Scripts`` offer the console scripts of lower layers; its own stay."""
    scripts = tree / tree_layout(request.platform, request.python.minor).scripts
    own = {path.name.casefold() for path in scripts.glob("*")}
    for lower in request.lower_scripts:
        script = Script(lower.name, lower.module, lower.attribute, "console")
        name, content = script.generate(_BESIDE_LAUNCHER, _LAUNCHERS[request.platform])
        if name.casefold() not in own:
            scripts.mkdir(exist_ok=True)
            (scripts / name).write_bytes(_without_time(content))
            (scripts / name).chmod(0o755)


def _install(path: Path, destination: _WindowsTree) -> None:
    try:
        with WheelFile.open(path) as source, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it leaves out bytecode, as is wanted, and warns of it
            install(source, destination, {"INSTALLER": _INSTALLER})
    except (
        *(InstallerError, configparser.Error, ValueError),
        AssertionError,  # all that installer says of an entry point that names no function
        *(FileExistsError, IsADirectoryError, NotADirectoryError),
    ) as error:
        raise BuildError(
            "A wheel cannot be installed.",
            where=path.name,
            found=str(error) or "an entry point that names no function",
            hint="lock another version of the package",
        ) from error


def _refuse_unsafe(wheel: WheelInput, targets: WheelTargets) -> None:
    for name in sorted(targets):
        if _UNSAFE.search(name):
            raise UnsafeContentError(
                "A wheel brings a file with a name that Windows does not take as it is.",
                where=wheel.filename,
                found=name,
            )


def _without_time(launcher: bytes) -> bytes:
    """Return a launcher whose zip does not tell when it was made."""
    with zipfile.ZipFile(io.BytesIO(launcher)) as archive:
        [member] = archive.infolist()
        code = archive.read(member)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo(member.filename), code)
    return launcher[: member.header_offset] + stream.getvalue()
