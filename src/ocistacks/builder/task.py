"""What a builder is given to do, and the protocol that every builder keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from ocistacks.digests import Digest
    from ocistacks.platforms import Platform

Toolchain = Literal["builder", "python-source"]

# Nothing of the machine shows: locale, time zone, hash seed and clock are the same everywhere, and
# no plug-in that happens to be installed has a word in how requests are read.
FIXED_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYDANTIC_DISABLE_PLUGINS": "true",
    "SOURCE_DATE_EPOCH": "315532800",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A Python module to run in isolation: no network, no privileges, no files but these.

    The module runs in a folder that holds ``files`` and the empty ``folders``. It finds each
    material under its hexadecimal digest in a folder whose path ``arguments`` is told, tells its
    steps on stderr, writes its answer as the last line of stdout, and leaves ``output`` in the
    folder. A builder refuses a task that runs ``foreign_code``, the code of a package, where it
    cannot keep this machine's files from it.
    """

    name: str
    module: str
    arguments: Callable[[str], Sequence[str]]
    files: Mapping[str, bytes]
    materials: tuple[Digest, ...]
    output: str
    folders: tuple[str, ...] = ()
    toolchain: Toolchain = "builder"
    foreign_code: bool = False


class Builder(Protocol):
    """A place where tasks run: a container engine, or namespaces of this machine."""

    @property
    def name(self) -> str:
        """What the builder is, for people."""

    @property
    def platform(self) -> Platform:
        """The platform that programs of a task run on; EngineError where it is an unknown one."""

    def prepare(self, toolchain: Toolchain) -> None:
        """Make ready what tasks of a toolchain need; EngineError where that cannot be done."""

    def run(self, task: Task, *, output: Path, on_step: Callable[[str], None]) -> str:
        """Run a task, write its output to the file ``output``, return the last line of stdout.

        Raises:
            BuildError: the task fails, with what it said.
            EngineError: the builder itself fails.
        """

    def stop(self) -> None:
        """End the tasks that run, and those that are still to come; safe to call from any thread.

        Each ``run`` fails then, after it has cleaned up.
        """


BuilderFactory = Callable[[], "AbstractContextManager[Builder]"]
