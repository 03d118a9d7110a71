"""The embedded builder: a child process in namespaces of its own, without network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import ocistacks
from ocistacks.builder.local_toolchain import toolchain_root
from ocistacks.builder.moved_interpreter import this_interpreter
from ocistacks.builder.python_source.recipe import SYSTEM_PATH
from ocistacks.builder.task import FIXED_ENVIRONMENT
from ocistacks.builder.toolchain_view import (
    MATERIALS_PLACE,
    UNSHARE,
    WORK_PLACE,
    View,
    bubblewrap_view,
    unshare_view,
)
from ocistacks.builder.vanished_mount import Ended, settled
from ocistacks.errors import BuildError, EngineError
from ocistacks.platforms import Platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ocistacks.builder.task import Task, Toolchain
    from ocistacks.store.store import Store

_TOLD_LINES = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Isolation:
    """The commands before a task's own that isolate it: ``here`` shows it this machine.

    ``here`` is given the working folder and that of the materials. ``within`` shows it a toolchain
    root; None where the kernel refuses namespaces and the user allowed to go on without.
    """

    name: str
    here: Callable[[Path, Path], Sequence[str]]
    within: Callable[[View], Sequence[str]] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Call:
    """How Python is called; ``materials`` is the folder that it finds the materials in."""

    command: Sequence[str]
    environment: Mapping[str, str]
    materials: str


class LocalBuilder:
    """Runs tasks under bubblewrap, or under util-linux's unshare where that is missing."""

    def __init__(self, store: Store, isolation: Isolation, say: Callable[[str], None]) -> None:
        self._store = store
        self._isolation = isolation
        self._say = say
        self._roots: dict[Toolchain, Path | None] = {"builder": None}
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    @property
    def name(self) -> str:
        """What the builder is, for people."""
        return f"local ({self._isolation.name})"

    @property
    def platform(self) -> Platform:
        """This machine's platform."""
        return Platform.of_this_machine()

    def prepare(self, toolchain: Toolchain) -> None:
        """Make the toolchain root for python-source; this machine's own Python does the rest.

        Raises:
            EngineError: neither a root can be made nor has this machine the tools itself.
            DigestError: a package of the root is not what its source lists.
        """
        if toolchain in self._roots:
            return
        root = toolchain_root(self._store, within=self._isolation.within is not None, say=self._say)
        self._refuse_unusable(root)
        self._roots[toolchain] = root

    def run(self, task: Task, *, output: Path, on_step: Callable[[str], None]) -> str:
        """Run a task in a new folder of the store; see ``Builder.run``."""
        self.prepare(task.toolchain)
        if task.foreign_code and self._roots[task.toolchain] is None:
            raise EngineError(
                f"{task.name} is not built here: its code could read this machine's files.",
                where=f"builder {self.name}",
                expected="bubblewrap or unshare with user namespaces, and apt for a toolchain",
                hint="use --builder docker or podman",
            )
        with self._store.temporary_folder() as work:
            for name, content in task.files.items():
                (work / name).write_bytes(content)
            for name in task.folders:
                (work / name).mkdir()
            call = self._call(self._roots[task.toolchain], work)
            command = [*call.command, "-P", "-m", task.module, *task.arguments(call.materials)]
            ended = settled(lambda: self._ended(command, call.environment, work, on_step))
            if ended.code != 0:
                raise BuildError(
                    f"{task.name} could not be built.",
                    where=f"builder {self.name}, exit code {ended.code}",
                    found="\n    ".join(ended.told) or "no word",
                )
            shutil.move(work / task.output, output)
            return ended.answer

    def _ended(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        work: Path,
        on_step: Callable[[str], None],
    ) -> Ended:
        """Run a task to its end."""
        process = subprocess.Popen(
            command,
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with _killed_on_failure(process), self._stoppable(process):
            answer, told = _listen(process, on_step)
        return Ended(code=process.returncode, answer=answer, told=told)

    def stop(self) -> None:
        """Kill the processes that run, from another thread; see ``Builder.stop``."""
        self._stopped = True
        for process in tuple(self._running):
            process.kill()

    @contextmanager
    def _stoppable(self, process: subprocess.Popen[str]) -> Iterator[None]:
        self._running.add(process)
        if self._stopped:
            process.kill()
        try:
            yield
        finally:
            self._running.discard(process)

    def _call(self, root: Path | None, work: Path) -> _Call:
        if root is not None and self._isolation.within is not None:
            return self._call_within(self._isolation.within, root, work)
        environment = {**_interpreter_environment(), "HOME": str(work), "TMPDIR": str(work)}
        return _Call(
            command=(*_located(self._isolation.here(work, self._materials)), sys.executable),
            environment={**FIXED_ENVIRONMENT, **environment},
            materials=str(self._materials),
        )

    def _call_within(
        self, within: Callable[[View], Sequence[str]], root: Path, work: Path
    ) -> _Call:
        interpreter = this_interpreter()
        read_only = {**interpreter.folders, MATERIALS_PLACE: self._materials}
        view = View(root=root, work=work, read_only=read_only)
        environment = {"PATH": SYSTEM_PATH, "HOME": WORK_PLACE, "TMPDIR": WORK_PLACE}
        return _Call(
            command=(*_located(within(view)), interpreter.executable),
            environment={**FIXED_ENVIRONMENT, **interpreter.environment, **environment},
            materials=MATERIALS_PLACE,
        )

    @property
    def _materials(self) -> Path:
        return _materials_of(self._store)

    def _refuse_unusable(self, root: Path | None) -> None:
        """Raise EngineError if the interpreter does not run, or not find this package."""
        with self._store.temporary_folder() as work:
            call = self._call(root, work)
            finished = subprocess.run(
                [*call.command, "-P", "-c", "import ocistacks.builder.python_source.build"],
                cwd=work,
                env=call.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        if finished.returncode != 0:
            raise EngineError(
                "This machine's Python does not run where Python is to be compiled.",
                where=f"builder {self.name}, {sys.base_prefix}",
                found=finished.stderr.strip()[-800:] or f"exit code {finished.returncode}",
                hint="run ocistacks with this system's own Python, or use --builder docker or "
                "podman",
            )


def local_builder(
    store: Store, *, allow_unconfined: bool, say: Callable[[str], None]
) -> LocalBuilder:
    """Return a builder with the best isolation that this machine allows.

    Raises:
        EngineError: the kernel gives no namespaces, and ``allow_unconfined`` is false.
    """
    candidates = (
        Isolation(name="bubblewrap", here=_bubblewrap, within=bubblewrap_view),
        Isolation(name="unshare", here=_unshare, within=unshare_view),
    )
    refusals = []
    for isolation in candidates:
        refusal = _refusal(isolation.here(store.root / "temporary", _materials_of(store)))
        if refusal is None:
            return LocalBuilder(store, isolation, say)
        refusals.append(f"{isolation.name}: {refusal}")
    if not allow_unconfined:
        raise EngineError(
            "The local builder cannot isolate its builds on this machine.",
            found="; ".join(refusals),
            expected="bubblewrap or unshare with user namespaces",
            hint="install bubblewrap, allow unprivileged user namespaces, use --builder docker or "
            "podman, or accept builds that are not hermetic with --allow-unconfined",
        )
    say("This build is not hermetic: the kernel gives no namespaces (--allow-unconfined).")
    return LocalBuilder(
        store, Isolation(name="unconfined", here=lambda _work, _materials: (), within=None), say
    )


def _materials_of(store: Store) -> Path:
    return store.root / "blobs" / "sha256"


def _bubblewrap(work: Path, materials: Path) -> Sequence[str]:
    return (
        *("bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
        # Named although / is there: the store may lie on /dev/shm, which the new /dev hides.
        *("--ro-bind", str(materials), str(materials)),
        *("--bind", str(work), str(work), "--chdir", str(work)),
        *("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
    )


def _unshare(work: Path, materials: Path) -> Sequence[str]:
    del work, materials  # unshare leaves the whole file system to the user as it was
    return (*UNSHARE, "--mount-proc", "--")


def _located(command: Sequence[str]) -> Sequence[str]:
    """Return a command with its program's path: the task's own PATH may not lead there."""
    return [shutil.which(word) or word for word in command[:1]] + list(command[1:])


def _refusal(confinement: Sequence[str]) -> str | None:
    """Return why a confinement does not work here, None if it does."""
    if shutil.which(confinement[0]) is None:
        return "not installed"
    ended = settled(lambda: _probed(confinement))
    return None if ended.code == 0 else "\n".join(ended.told) or "refused"


def _probed(confinement: Sequence[str]) -> Ended:
    finished = subprocess.run([*confinement, "true"], capture_output=True, text=True, check=False)
    told = finished.stderr.strip().splitlines()
    return Ended(code=finished.returncode, answer="", told=told)


def _interpreter_environment() -> Mapping[str, str]:
    """Return what the child needs to find this very package, also from a source checkout."""
    return {
        "PATH": os.defpath,
        "PYTHONPATH": str(Path(ocistacks.__file__).parent.parent),
    }


@contextmanager
def _killed_on_failure(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        process.kill()
        raise
    finally:
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _listen(
    process: subprocess.Popen[str], on_step: Callable[[str], None]
) -> tuple[str, Sequence[str]]:
    """Return the last line of stdout and the last lines of stderr."""
    told: list[str] = []

    def follow(stream: IO[str]) -> None:
        for line in stream:
            told.append(line.rstrip())
            del told[:-_TOLD_LINES]
            on_step(line.rstrip())

    if process.stdout is None or process.stderr is None:
        raise ValueError("the process was started without pipes")
    follower = threading.Thread(target=follow, args=(process.stderr,), daemon=True)
    follower.start()
    lines = process.stdout.read().splitlines()
    process.wait()
    follower.join()
    return (lines[-1] if lines else ""), told
