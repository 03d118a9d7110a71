"""The store's folders, and the few ways in which something gets into them.

    blobs/sha256/HEX       materials and layer blobs, read-only
    files/HH/HEX           the contents of all layers' files, each once, read-only
    trees/HEX              unpacked layers by blob digest: hard links to those files
    deployments/HEX        what `ocistacks run` runs: layers side by side, by what they are
    builds/HEX.json        what a build request's input digest gave
    pythons/NAME.json      which Python archive a release tarball gave
    scripts/HEX.json       which console scripts a wheel declares
    choices/HEX.json       which wheels a platform takes of a lock, and a machine's toolchain
    toolchains/HEX         the root folders that Python is compiled in, by what they are made of
    targets/HEX.json       folders elsewhere that hold layers of the store
    locks/NAME             what processes wait for each other on
    partial/HEX            what a run that broke off had of a material, for the next one
    temporary/             what is not finished; same file system, so that it can be renamed

A name appears only when what it names is complete and verified, so that a reader never sees half
of anything and a killed writer leaves nothing but a temporary file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from ocistacks.digests import Digest
from ocistacks.errors import DigestError
from ocistacks.files import unwritable
from ocistacks.registry.partial import write_over_runs
from ocistacks.registry.source import file_chunks
from ocistacks.store.files import FileStore

if TYPE_CHECKING:
    import io
    from collections.abc import Iterable, Iterator, Mapping

    from ocistacks.registry.partial import Opener

STORE_VARIABLE = "OCISTACKS_STORE"
_COPY_BYTES = 1 << 20
_FOLDERS = (
    "blobs/sha256",
    "files",
    "trees",
    "deployments",
    "builds",
    "wheels",
    "pythons",
    "scripts",
    "choices",
    "toolchains",
    "targets",
    "locks",
    "partial",
    "temporary",
)


class Store:
    """A content-addressed folder; safe to use from several processes at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = FileStore(root / "files", root / "temporary")
        try:
            for name in _FOLDERS:
                (root / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(root, error) from error

    @classmethod
    def default(cls, environment: Mapping[str, str]) -> Store:
        """Open the store that OCISTACKS_STORE names, else the one in the user's cache folder."""
        named = environment.get(STORE_VARIABLE)
        return cls(Path(named).resolve() if named else user_cache_path("ocistacks"))

    def blob_path(self, digest: Digest) -> Path:
        """Return where the blob of that digest lies, or would lie."""
        return self.root / "blobs" / "sha256" / digest.hex

    def tree_path(self, digest: Digest) -> Path:
        """Return the folder that holds, or would hold, the unpacked layer of that blob."""
        return self.root / "trees" / digest.hex

    def deployment_path(self, identity: Digest) -> Path:
        """Return where the deployment of that identity lies, or would lie."""
        return self.root / "deployments" / identity.hex

    def scripts_path(self, wheel: Digest) -> Path:
        """Return the record of which console scripts a wheel declares."""
        return self.root / "scripts" / f"{wheel.hex}.json"

    def choice_path(self, identity: Digest) -> Path:
        """Return the record of a choice, such as which wheels a platform takes of a lock."""
        return self.root / "choices" / f"{identity.hex}.json"

    def toolchain_path(self, identity: Digest) -> Path:
        """Return the folder of the toolchain root that is made of what has that digest."""
        return self.root / "toolchains" / identity.hex

    def target_path(self, identity: Digest) -> Path:
        """Return the record of a folder that holds layers, by the digest of its path."""
        return self.root / "targets" / f"{identity.hex}.json"

    def usage_path(self, deployment: Digest | None = None) -> Path:
        """Return the lock of those who use the store, or one of its deployments."""
        name = "in-use" if deployment is None else f"in-use-{deployment.hex}"
        return self.root / "locks" / name

    def has_blob(self, digest: Digest) -> bool:
        """Whether the blob is there, complete."""
        return self.blob_path(digest).is_file()

    def add_blob(self, expected: Digest, chunks: Iterable[bytes], *, what: str) -> Path:
        """Write a blob while hashing it, and let it appear if its digest is ``expected``.

        ``what`` names the blob to people.

        Raises:
            DigestError: the bytes have another digest; nothing of them is kept.
            TargetError: the store cannot be written.
        """
        path = self.blob_path(expected)
        hasher = hashlib.sha256()
        with self._temporary_file() as temporary:
            with _writing(path):
                stream = temporary.open("wb", buffering=0)
            with stream:
                for chunk in chunks:
                    hasher.update(chunk)
                    with _writing(path):
                        _write_all(stream, chunk)
            _check(hasher.hexdigest(), expected, what)
            self.adopt(temporary, expected)
        return path

    def add_over_runs(self, expected: Digest, opened: Opener, *, what: str) -> Path:
        """Write a blob as ``add_blob`` does, going on with what a run that broke off had of it.

        ``opened`` gives what comes after the bytes of a file, which need not be verified.
        """

        @contextmanager
        def verified(have: Path | None) -> Iterator[Iterator[bytes]]:
            with opened(have) as chunks:
                yield _verified(chunks, have, expected, what)

        path = self.blob_path(expected)
        write_over_runs(self.root / "partial" / expected.hex, path, verified, mode=0o444)
        return path

    def add_file(self, expected: Digest, source: Path, *, what: str) -> Path:
        """Copy a file in, verified as ``add_blob`` does."""
        with source.open("rb") as stream:
            return self.add_blob(expected, iter(lambda: stream.read(_COPY_BYTES), b""), what=what)

    @contextmanager
    def new_blob(self) -> Iterator[Path]:
        """Give the path of a file to fill; ``adopt`` it, or it vanishes on exit."""
        with self._temporary_file() as temporary:
            yield temporary

    def adopt(self, temporary: Path, digest: Digest) -> Path:
        """Let a filled file appear as the blob ``digest``, which the caller has verified."""
        path = self.blob_path(digest)
        with _writing(path):
            temporary.chmod(0o444)
            temporary.replace(path)
        return path

    @contextmanager
    def temporary_folder(self) -> Iterator[Path]:
        """Give an empty folder on the store's file system; it vanishes on exit."""
        with _writing(self.root):
            folder = Path(tempfile.mkdtemp(dir=self.root / "temporary"))
        try:
            yield folder
        finally:
            remove_tree(folder)

    def remove_folder(self, folder: Path) -> None:
        """Remove one of the store's folders: its name at once, so that nobody sees a part of it."""
        with self.temporary_folder() as temporary:
            folder.rename(temporary / folder.name)

    @contextmanager
    def exclusively(self, name: str) -> Iterator[None]:
        """Let one process at a time pass for ``name``; a killed one lets go."""
        from filelock import FileLock

        path = self.root / "locks" / name
        lock = FileLock(path)
        with _writing(path):
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _temporary_file(self) -> Iterator[Path]:
        with _writing(self.root):
            descriptor, name = tempfile.mkstemp(dir=self.root / "temporary")
        os.close(descriptor)
        try:
            yield Path(name)
        finally:
            with suppress(FileNotFoundError):
                Path(name).unlink()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from error


def _verified(
    chunks: Iterator[bytes], have: Path | None, expected: Digest, what: str
) -> Iterator[bytes]:
    """Yield what follows the bytes of a file; raise DigestError if all together is wrong."""
    hasher = hashlib.sha256()
    for chunk in file_chunks(have) if have is not None else ():
        hasher.update(chunk)
    for chunk in chunks:
        hasher.update(chunk)
        yield chunk
    _check(hasher.hexdigest(), expected, what)


def _check(found: str, expected: Digest, what: str) -> None:
    if Digest.from_hex(found) != expected:
        raise DigestError(
            "What was received is not what was promised; nothing of it was kept.",
            where=what,
            found=Digest.from_hex(found),
            expected=expected,
            hint="try again; if it stays so, the server or a proxy serves another file",
        )


def _write_all(stream: io.FileIO, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[stream.write(view) :]


def remove_tree(folder: Path) -> None:
    """Remove a folder, also where its own folders are read-only."""
    if not folder.is_dir() or folder.is_symlink():
        return
    for parent, _folders, _files in os.walk(folder):
        Path(parent).chmod(0o700)
    shutil.rmtree(folder)
