"""Write the members of an archive below a folder, where nothing can lead them elsewhere."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from typing import TYPE_CHECKING

from ocistacks.blob.model import DIRECTORY_MODE, EXECUTABLE_MODE, FILE_MODE
from ocistacks.blob.names import name_fault, symlink_fault
from ocistacks.errors import TargetError, UnsafeContentError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ocistacks.blob.tar_reader import Member

# A name that exists is never opened, not even the link of a name that differs only in case.
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


class TreeWriter:
    """Writes one layer into an existing, empty folder.

    Every entry goes into a folder that this writer made itself and knows by name, so no symbolic
    link can lie on the way: paths need no further look.
    """

    def __init__(self, destination: Path) -> None:
        self._root = f"{destination}/"
        self._names: set[str] = set()
        self._folders: set[str] = set()
        self._files: set[str] = set()
        self._top: str | None = None
        self._mask_hides_bits = True

    @property
    def install_target(self) -> str:
        """The name of the one top folder; UnsafeContentError if the archive was empty."""
        if self._top is None:
            raise UnsafeContentError("An archive is empty.", expected="one top folder")
        return self._top

    @property
    def count(self) -> int:
        """How many members were written."""
        return len(self._names)

    def write(self, member: Member, content: Iterable[memoryview]) -> None:
        """Write one member; ``content`` yields a file's bytes.

        Raises UnsafeContentError for a member that leaves its place and TargetError where the
        file system does not take it.
        """
        name = member.name
        self._check_name(member)
        try:
            self._make_parents(member)
            if member.kind == "dir":
                self._make_folder(name)
            elif member.kind == "reg":
                self._write_file(member, content)
            elif member.kind == "symlink":
                self._make_symlink(member)
            else:
                self._make_hard_link(member)
        except OSError as error:
            raise TargetError(
                "An entry of a layer cannot be written.",
                where=self._root + name,
                found=error.strerror or str(error),
                hint=_hint(error),
            ) from error

    def _check_name(self, member: Member) -> None:
        name = member.name
        fault = name_fault(name)
        if fault is not None:
            raise UnsafeContentError(f"An archive holds an unsafe name: {fault}.", found=repr(name))
        if name in self._names or (name in self._folders and member.kind != "dir"):
            raise UnsafeContentError("An archive holds a name twice.", found=repr(name))
        self._names.add(name)

    def _make_parents(self, member: Member) -> None:
        """Make the folders above ``member`` that the archive leaves out."""
        parent, _, _ = member.name.rpartition("/")
        if parent in self._folders:
            return
        if not parent:
            self._check_top(member)
            return
        made = ""
        for part in parent.split("/"):
            made = f"{made}/{part}" if made else part
            if made in self._folders:
                continue
            if made in self._names:
                raise UnsafeContentError(
                    "An archive writes below a name that is no folder.",
                    where=member.name,
                    found=f"{made} is a file or link of the same archive",
                )
            if "/" not in made:
                self._check_top_name(made)
            self._make_folder(made)

    def _check_top(self, member: Member) -> None:
        if member.kind != "dir":
            raise UnsafeContentError(
                "An archive holds something beside its one top folder.", found=repr(member.name)
            )
        self._check_top_name(member.name)

    def _check_top_name(self, name: str) -> None:
        if self._top is not None and self._top != name:
            raise UnsafeContentError(
                "An archive holds more than one top folder.",
                found=f"{name!r} beside {self._top!r}",
            )
        self._top = name

    def _make_folder(self, name: str) -> None:
        if name in self._folders:  # made for an entry that came before its folder
            return
        path = self._root + name
        os.mkdir(path, DIRECTORY_MODE)  # noqa: PTH102 - a Path for each entry costs a tenth
        if not self._folders:
            # The umask cannot be asked for without changing it for all threads. The first folder
            # tells: where it got all its bits, everything else will.
            self._mask_hides_bits = stat.S_IMODE(os.stat(path).st_mode) != DIRECTORY_MODE  # noqa: PTH116 - as above
        if self._mask_hides_bits:
            os.chmod(path, DIRECTORY_MODE)  # noqa: PTH101 - as above
        self._folders.add(name)

    def _write_file(self, member: Member, content: Iterable[memoryview]) -> None:
        mode = EXECUTABLE_MODE if member.executable else FILE_MODE
        descriptor = os.open(self._root + member.name, _FLAGS, mode)
        try:
            for piece in content:
                written = os.write(descriptor, piece)
                while written < len(piece):
                    written += os.write(descriptor, piece[written:])
            if self._mask_hides_bits:
                os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
        self._files.add(member.name)

    def _make_symlink(self, member: Member) -> None:
        fault = symlink_fault(member.name, member.link_name)
        if fault is not None:
            raise UnsafeContentError(
                f"A symbolic link in an archive leaves its place: {fault}.",
                where=member.name,
                found=member.link_name,
                expected="a relative path to this layer or one beside it, .. only at its start",
            )
        os.symlink(member.link_name, self._root + member.name)  # noqa: PTH211 - Path rewrites ./x

    def _make_hard_link(self, member: Member) -> None:
        if member.link_name not in self._files:
            raise UnsafeContentError(
                "A hard link in an archive does not point to a file before it in the archive.",
                where=member.name,
                found=member.link_name,
            )
        target = self._root + member.link_name
        os.link(target, self._root + member.name, follow_symlinks=False)
        self._files.add(member.name)


def empty_folder(folder: Path) -> None:
    """Remove everything in ``folder``, not the folder itself."""
    for item in folder.iterdir():
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        else:
            item.unlink()


def _hint(error: OSError) -> str | None:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "make room, then run the command again"
    if error.errno == errno.EEXIST:
        return "the file system takes two names of the layer for one; use one that tells case apart"
    return None
