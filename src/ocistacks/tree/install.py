"""Installing wheels into a tree: uv as a process, offline, into a prefix."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uv import find_uv_bin

from ocistacks.errors import BuildError
from ocistacks.platforms import Platform
from ocistacks.tree.wheel_files import in_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ocistacks.digests import Digest
    from ocistacks.request.model import WheelInput
    from ocistacks.tree.wheel_files import WheelTargets

# The lock has chosen the wheels; uv is told of the newest platform that it knows, lest it refuse
# a wheel because of the machine that the builder happens to run on.
_UV_PLATFORMS = {
    Platform.LINUX_X86_64: "x86_64-manylinux_2_40",
    Platform.LINUX_AARCH64: "aarch64-manylinux_2_40",
    Platform.MACOSX_ARM64: "aarch64-apple-darwin",
    Platform.MACOSX_X86_64: "x86_64-apple-darwin",
    Platform.WIN_AMD64: "x86_64-pc-windows-msvc",
    Platform.WIN_ARM64: "aarch64-pc-windows-msvc",
}
_NEWEST_MACOS = "99.0"
_TOLD_WHEELS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class InstallTarget:
    """Where wheels go, and for what.

    ``python`` is the interpreter in whose layout they are laid out below ``prefix``;
    ``python_version`` is the one that will import them.
    """

    prefix: Path
    python: Path
    python_version: str
    platform: Platform


def install_wheels(
    wheels: Sequence[WheelInput],
    contents: Sequence[WheelTargets],
    *,
    material: Callable[[Digest], Path],
    target: InstallTarget,
    work: Path,
) -> None:
    """Install ``wheels``; ``contents`` says what each of them installs (see ``check_wheels``).

    ``work`` is a folder for what is needed on the way. No code of a wheel runs.

    Raises:
        BuildError: uv refuses a wheel; what it said is in the message.
    """
    folder = work / "wheels"
    folder.mkdir()
    for wheel in wheels:
        (folder / wheel.filename).symlink_to(material(wheel.digest))
    for batch in in_batches(contents):
        _install([wheels[index] for index in batch], folder, target, work)
    (target.prefix / ".lock").unlink(missing_ok=True)


def _install(wheels: Sequence[WheelInput], folder: Path, target: InstallTarget, work: Path) -> None:
    requirements = work / "requirements.txt"
    requirements.write_text("".join(f"{wheel.name}=={wheel.version}\n" for wheel in wheels))
    finished = subprocess.run(
        [
            *(find_uv_bin(), "pip", "install", "--no-config", "--no-deps", "--offline"),
            *("--no-index", "--find-links", str(folder), "--no-cache", "--no-build"),
            *("--python", str(target.python), "--prefix", str(target.prefix)),
            *("--python-version", target.python_version),
            *("--python-platform", _UV_PLATFORMS[target.platform]),
            # uv's own copy is a temporary one, so that a link to it becomes the only name.
            *("--link-mode", "hardlink"),
            *("--quiet", "--color", "never", "--requirement", str(requirements)),
        ],
        env={
            "PATH": os.defpath,
            "HOME": str(work),
            "TMPDIR": str(work),
            "MACOSX_DEPLOYMENT_TARGET": _NEWEST_MACOS,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        raise BuildError(
            "uv cannot install the layer's wheels.",
            where=", ".join(wheel.filename for wheel in wheels[:_TOLD_WHEELS]),
            found=finished.stderr.strip() or f"exit code {finished.returncode}",
            hint="a wheel that its lock chose is broken; lock another version of it",
        )


def rename_minor(prefix: Path, used: str, wanted: str) -> None:
    """Rename the folders that an interpreter of minor version ``used`` laid wheels out in.

    For layers without bytecode any interpreter will do to install, and the tree must not tell
    which one it was.
    """
    for parent in ("lib", "include/site"):
        folder = prefix / parent / f"python{used}"
        if folder.is_dir():
            folder.rename(folder.with_name(f"python{wanted}"))
