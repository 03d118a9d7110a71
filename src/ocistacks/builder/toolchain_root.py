"""A folder with a compiler, its libraries and a shell, to be seen as `/` by what compiles Python.

It is made of Debian packages of the release that this machine runs, so that an interpreter of this
machine finds its C library there. The packages are only unpacked: none of their scripts runs, and
the few links that those would make are made here. No privilege is needed for it.

As with an image, the one that is there is used. apt is asked again a day later, so that fixes
arrive; where it cannot answer then, the one that is there goes on being used.
"""

from __future__ import annotations

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from ocistacks.builder.machine_release import os_release
from ocistacks.builder.private_apt import PrivateApt
from ocistacks.canonical_json import canonical_json
from ocistacks.digests import Digest
from ocistacks.errors import EngineError
from ocistacks.store.records import read_record, write_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ocistacks.builder.private_apt import Package
    from ocistacks.store.store import Store

STAGE: Final = "stage"
"""An empty folder in the root, over which a view of it can be mounted."""

_LAYOUT_VERSION: Final = 1
"""Goes up when other files come of the same packages."""

_ANSWER_SECONDS: Final = 86_400.0
"""How long apt's answer holds."""

_PACKAGE_LIST: Final = Path(__file__).parent / "image" / "toolchain-packages.txt"

_IMAGE_PACKAGES: Final = (
    *("bash", "coreutils", "dash", "diffutils", "findutils", "grep", "gzip"),
    *("libc-bin", "mawk", "python3", "sed", "tar", "xz-utils"),
)
"""What an image has already. Debian's own interpreter needs the libraries that python3 brings."""

# Where /usr is merged (as in all of Debian since 12), packages may still name these.
_ALIASES: Final = ("bin", "lib", "lib64", "sbin")
_SCRIPT_LINKS: Final = {"usr/bin/awk": "mawk", "usr/bin/cc": "gcc", "usr/bin/sh": "dash"}
_LEFT_OUT: Final = ("doc", "info", "locale", "man")


def toolchain_packages() -> tuple[str, ...]:
    """Return the names of the packages that a toolchain root is made of, without dependencies."""
    return (*_PACKAGE_LIST.read_text(encoding="utf-8").split(), *_IMAGE_PACKAGES)


class ToolchainChoice(BaseModel):
    """Which root a machine uses; the age of its file is that of apt's answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: Digest


def ensure_toolchain_root(store: Store, *, say: Callable[[str], None]) -> Path:
    """Return the toolchain root that this machine uses, made of what apt offers where needed.

    ``say`` is told the steps that take time, and why an older root is taken.

    Raises:
        EngineError: there is none, and the packages cannot be found, fetched or unpacked.
        DigestError: a package is not what its source lists.
    """
    record = store.choice_path(machine_identity())
    with store.exclusively("toolchain"):
        known = _known_root(store, record)
        if known is not None and time.time() - record.stat().st_mtime < _ANSWER_SECONDS:
            root = known
        else:
            try:
                root = _root_of_today(store, say)
            except EngineError as error:
                if known is None:
                    raise
                told = ": ".join(filter(None, (error.what.rstrip("."), error.found)))
                say(f"Going on with the toolchain that is there: {told}.")
                root = known
            else:
                write_record(record, ToolchainChoice(root=Digest.from_hex(root.name)))
        os.utime(root)  # what is used is not cleaned up
    return root


def machine_identity() -> Digest:
    """Return the digest of what apt is asked, and by which kind of machine."""
    system = os_release()
    return Digest.of_bytes(
        canonical_json(
            {
                "layout": _LAYOUT_VERSION,
                "machine": os.uname().machine,
                "packages": sorted(toolchain_packages()),
                "release": [
                    system.get(key, "") for key in ("ID", "VERSION_ID", "VERSION_CODENAME")
                ],
            }
        )
    )


def _known_root(store: Store, record: Path) -> Path | None:
    choice = read_record(record, ToolchainChoice)
    root = store.toolchain_path(choice.root) if choice is not None else None
    return root if root is not None and root.is_dir() else None


def _root_of_today(store: Store, say: Callable[[str], None]) -> Path:
    """Return the root of the packages that apt offers now, made where it is missing."""
    with store.temporary_folder() as work:
        (work / "apt").mkdir()
        apt = PrivateApt(work / "apt")
        packages = apt.resolve(toolchain_packages())
        root = store.toolchain_path(root_identity(packages))
        if not root.is_dir():
            megabytes = sum(package.size for package in packages) / 1e6
            say(
                f"The toolchain for Python is missing: fetching {len(packages)} Debian "
                f"packages ({megabytes:.0f} MB), once."
            )
            archives = apt.download(packages)
            say("Unpacking the toolchain.")
            assemble_root(archives, work / "root")
            (work / "root").rename(root)
    return root


def root_identity(packages: Iterable[Package]) -> Digest:
    """Return the digest of what a root is made of: its packages, whatever mirror they are from."""
    contents = sorted([package.file_name, package.digest] for package in packages)
    return Digest.of_bytes(canonical_json({"layout": _LAYOUT_VERSION, "packages": contents}))


def assemble_root(archives: Sequence[Path], root: Path) -> None:
    """Unpack `.deb` files into the new folder ``root``, several at a time.

    Raises:
        EngineError: a file cannot be unpacked, or the packages lack what a root must have.
    """
    for name in _ALIASES:
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        # The list is what raises: a map alone would keep the errors to itself.
        list(pool.map(lambda archive: _unpack(archive, root), archives))
    for name, target in _SCRIPT_LINKS.items():
        link = root / name
        if not link.is_symlink():
            link.symlink_to(target)
        if not link.exists():
            raise EngineError(
                "The toolchain's packages are not what the recipe knows.",
                where=f"/{name}",
                found=f"no {target} in the packages",
                hint="use --builder docker or podman; please report it",
            )
    (root / STAGE).mkdir()


def _unpack(archive: Path, root: Path) -> None:
    command = [
        *("tar", "--extract", f"--directory={root}"),
        *("--keep-directory-symlink", "--no-same-owner", "--no-same-permissions"),
        *(f"--exclude=./usr/share/{name}" for name in _LEFT_OUT),
    ]
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as packed:
        finished = subprocess.run(
            command, stdin=packed.stdout, capture_output=True, umask=0o022, check=False
        )
        _, complaint = packed.communicate()
    if packed.returncode != 0 or finished.returncode != 0:
        told = (complaint + finished.stderr).decode(errors="replace").strip()
        raise EngineError(
            "A Debian package of the toolchain cannot be unpacked.",
            where=archive.name,
            found=told[-500:] or f"exit codes {packed.returncode} and {finished.returncode}",
            hint="make room on the store's disk, or try again",
        )
