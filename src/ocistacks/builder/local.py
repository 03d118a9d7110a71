"""The embedded builder: a child process in namespaces of its own, without network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import ocistacks
from ocistacks.builder.task import FIXED_ENVIRONMENT
from ocistacks.errors import BuildError, EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ocistacks.builder.task import Task, Toolchain
    from ocistacks.store.store import Store

_TOLD_LINES = 40


class LocalBuilder:
    """Runs tasks under bubblewrap, or under util-linux's unshare where that is missing.

    ``confinement`` is the command before the task's own: empty only where the kernel refuses
    namespaces and the user allowed to go on without.
    """

    def __init__(
        self, store: Store, confinement: Callable[[Path], Sequence[str]], name: str
    ) -> None:
        self._store = store
        self._confinement = confinement
        self._name = name

    @property
    def name(self) -> str:
        """What the builder is, for people."""
        return self._name

    def prepare(self, toolchain: Toolchain) -> None:
        """Need nothing: this machine's own Python runs the tasks."""

    def run(self, task: Task, *, output: Path, on_step: Callable[[str], None]) -> str:
        """Run a task in a new folder of the store; see ``Builder.run``."""
        with self._store.temporary_folder() as work:
            for name, content in task.files.items():
                (work / name).write_bytes(content)
            for name in task.folders:
                (work / name).mkdir()
            materials = self._store.blob_path(task.materials[0]).parent if task.materials else work
            process = subprocess.Popen(
                [
                    *self._confinement(work),
                    *(sys.executable, "-P", "-m", task.module),
                    *task.arguments(str(materials)),
                ],
                cwd=work,
                env={**FIXED_ENVIRONMENT, **_interpreter_environment(), "HOME": str(work)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            with _killed_on_failure(process):
                answer, told = _listen(process, on_step)
            if process.returncode != 0:
                raise BuildError(
                    f"{task.name} could not be built.",
                    where=f"builder {self.name}, exit code {process.returncode}",
                    found="\n    ".join(told) or "no word",
                )
            shutil.move(work / task.output, output)
            return answer


def local_builder(
    store: Store, *, allow_unconfined: bool, say: Callable[[str], None]
) -> LocalBuilder:
    """Return a builder with the best isolation that this machine allows.

    Raises:
        EngineError: the kernel gives no namespaces, and ``allow_unconfined`` is false.
    """
    candidates: Mapping[str, Callable[[Path], Sequence[str]]] = {
        "bubblewrap": _bubblewrap,
        "unshare": _unshare,
    }
    refusals = []
    for name, confinement in candidates.items():
        refusal = _refusal(confinement(store.root / "temporary"))
        if refusal is None:
            return LocalBuilder(store, confinement, f"local ({name})")
        refusals.append(f"{name}: {refusal}")
    if not allow_unconfined:
        raise EngineError(
            "The local builder cannot isolate its builds on this machine.",
            found="; ".join(refusals),
            expected="bubblewrap or unshare with user namespaces",
            hint="install bubblewrap, allow unprivileged user namespaces, use --builder docker or "
            "podman, or accept builds that are not hermetic with --allow-unconfined",
        )
    say("This build is not hermetic: the kernel gives no namespaces (--allow-unconfined).")
    return LocalBuilder(store, lambda _work: (), "local (unconfined)")


def _bubblewrap(work: Path) -> Sequence[str]:
    return (
        *("bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
        *("--bind", str(work), str(work), "--chdir", str(work)),
        *("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
    )


def _unshare(work: Path) -> Sequence[str]:
    del work  # unshare keeps the whole file system writable to the user that it was anyway
    return (
        *("unshare", "--user", "--map-root-user", "--net", "--ipc", "--uts"),
        *("--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"),
    )


def _refusal(confinement: Sequence[str]) -> str | None:
    """Return why a confinement does not work here, None if it does."""
    if shutil.which(confinement[0]) is None:
        return "not installed"
    finished = subprocess.run([*confinement, "true"], capture_output=True, text=True, check=False)
    return None if finished.returncode == 0 else finished.stderr.strip() or "refused"


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
