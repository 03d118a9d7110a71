"""Let a file of a tree, and the store's file with the same content, be one file.

Imports next to nothing, because ``sharing_process`` runs it in an interpreter of its own, which
has to be at work while a layer of few megabytes is unpacked.
"""

from __future__ import annotations

import errno
import hashlib
import os

_EXECUTABLE_SUFFIX = ".x"
# What a file system says that takes no more names of one file (65,000 on ext4), or none at all.
NO_MORE_LINKS = frozenset((errno.EMLINK, errno.EPERM, errno.EXDEV, errno.ENOTSUP))
_READ_BYTES = 256 << 10


def stored_path(root: str, digest: str, *, executable: bool) -> str:
    """Return where below the folder ``root`` the content with that SHA-256 (hexadecimal) lies."""
    return f"{root}/{digest[:2]}/{digest}{_EXECUTABLE_SUFFIX if executable else ''}"


class Sharer:
    """Digests read-only files of trees and shares them with the folder ``root`` of a store.

    ``temporary`` is a folder on the same file system. Where that takes no more names of one file,
    the tree keeps its own.
    """

    def __init__(self, root: str, temporary: str) -> None:
        self._root = root
        self._temporary = temporary
        self._buffer = memoryview(bytearray(_READ_BYTES))

    def take_in(self, path: str, *, executable: bool) -> tuple[str, bool]:
        """Return a file's SHA-256 (hexadecimal), and whether the store did not have it before.

        Empty files are not shared: there is nothing to save, and every package has many.

        Raises:
            OSError: the file cannot be read, or the store not be written.
        """
        hasher = hashlib.sha256()
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            is_empty, size = True, len(self._buffer)
            while size == len(self._buffer):  # of a regular file, a short read is the last
                size = os.readv(descriptor, [self._buffer])
                hasher.update(self._buffer[:size])
                is_empty = is_empty and not size
        finally:
            os.close(descriptor)
        digest = hasher.hexdigest()
        if is_empty:
            return digest, False
        stored = stored_path(self._root, digest, executable=executable)
        try:
            return digest, self._share(path, stored)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(stored), exist_ok=True)  # noqa: PTH103, PTH120 - see above
            return digest, self._share(path, stored)

    def _share(self, path: str, stored: str) -> bool:
        """Let both paths be one file; return whether ``stored`` was not there before."""
        try:
            os.link(path, stored)
        except FileExistsError:
            self._exchange(path, stored)
            return False
        except OSError as error:
            if error.errno in NO_MORE_LINKS:
                return False
            raise
        return True

    def _exchange(self, path: str, stored: str) -> None:
        """Let ``path`` be the stored file instead of its own copy."""
        beside = f"{self._temporary}/{os.urandom(8).hex()}"
        try:
            os.link(stored, beside)
        except OSError as error:
            if error.errno in NO_MORE_LINKS or isinstance(error, FileNotFoundError):
                return  # taken away meanwhile, or full: the tree keeps its own
            raise
        os.rename(beside, path)  # noqa: PTH104 - see above
