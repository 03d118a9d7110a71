"""`python -m ocistacks.builder.python_source.build`: a release tarball becomes a runtime archive.

The archive holds one folder `python/` in the layout of python-build-standalone's `install_only`
archives. Its bytes follow from the tarball, this recipe and the image that it runs in, and from
nothing else: not from the folder, the user, the clock or the number of jobs.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ocistacks.blob.pack import pack_tree
from ocistacks.builder.python_source import recipe
from ocistacks.builder.python_source.libraries import bundle_libraries
from ocistacks.builder.python_source.processes import ToolRunner
from ocistacks.builder.python_source.pruning import prune
from ocistacks.builder.python_source.relocation import refuse_leaked_paths, relocate
from ocistacks.builder.python_source.sources import KNOWN_RELEASES
from ocistacks.builder.python_source.unpacking import SourceTree, unpack_release, verify_tarball
from ocistacks.digests import Digest
from ocistacks.errors import BuildError, OcistacksError, TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ocistacks.blob.model import Blob

INSTALL_TARGET: Final = "python"
COMPRESSION_LEVEL: Final = 10
SOURCE_FOLDER: Final = "cpython-source"
INSTALLED_FOLDER: Final = "cpython-installed"


@dataclass(frozen=True, kw_only=True, slots=True)
class PythonBuild:
    """One build. ``accepted``: what ``source`` may hash to; ``work``: a new or empty folder.

    The paths are absolute, because tools are run in several folders.
    """

    source: Path
    accepted: tuple[Digest, ...]
    output: Path
    work: Path
    jobs: int


def build_archive(build: PythonBuild, say: Callable[[str], None]) -> Blob:
    """Make the runtime archive ``build.output`` and return what it is as a blob.

    ``say`` is told each step's time in seconds. Raises DigestError for another tarball,
    UnsafeContentError and BuildError for one that cannot be built, TargetError for a work folder
    that is not empty or an output that cannot be written; nothing new stands at ``build.output``
    then.
    """
    verify_tarball(build.source, build.accepted)
    _prepare(build.work)
    with _timed("unpack", say):
        source = unpack_release(build.source, _new_folder(build.work / SOURCE_FOLDER))
    home = _new_folder(build.work / "home")
    runner = ToolRunner(
        environment=recipe.build_environment(source, home), log=build.work / "build.log"
    )
    runner.require(recipe.REQUIRED_TOOLS)
    tree = _install(build, source, runner, say)
    with _timed("normalise", say):
        _normalise(tree, source, runner)
    with _timed("pack", say):
        return _pack(tree, build.output)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build as the command line says; print the blob as JSON, tell the steps on stderr."""
    options = _parser().parse_args(arguments)
    build = PythonBuild(
        source=options.source.absolute(),
        accepted=(options.sha256,) if options.sha256 else _known_digests(),
        output=options.output.absolute(),
        work=options.work.absolute(),
        jobs=options.jobs or len(os.sched_getaffinity(0)),
    )
    try:
        blob = build_archive(build, _say)
    except OcistacksError as error:
        _say(str(error))
        return error.exit_code
    sys.stdout.write(f"{blob.model_dump_json()}\n")
    return 0


def _known_digests() -> tuple[Digest, ...]:
    return tuple(tarball.digest for tarball in KNOWN_RELEASES.values())


def _install(
    build: PythonBuild, source: SourceTree, runner: ToolRunner, say: Callable[[str], None]
) -> Path:
    destination = build.work / INSTALLED_FOLDER
    steps = {
        "configure": recipe.configure_command(),
        "compile": recipe.compile_command(build.jobs),
        "install": recipe.install_command(destination),
    }
    for step, command in steps.items():
        with _timed(step, say):
            runner.run(f"{step} CPython {source.version}", command, folder=source.folder)
    # Moved once here, so that what works below works from any folder.
    return Path(f"{destination}{recipe.RECORDED_PREFIX}").rename(build.work / INSTALL_TARGET)


def _normalise(tree: Path, source: SourceTree, runner: ToolRunner) -> None:
    prune(tree, source.minor)
    (tree / "bin" / "python").symlink_to(f"python{source.minor}")
    relocate(tree, source.minor, source.folder)
    bundle_libraries(tree, runner)
    _refuse_missing_modules(tree, runner)
    refuse_leaked_paths(tree, (source.folder, tree.parent / INSTALLED_FOLDER))


def _refuse_missing_modules(tree: Path, runner: ToolRunner) -> None:
    interpreter = os.fspath(tree / "bin" / "python")
    command = [interpreter, "-B", "-I", "-c", recipe.import_check()]
    missing = runner.read("import the extension modules", command, folder=tree).splitlines()
    if missing:
        raise BuildError(
            "The new CPython lacks extension modules.",
            found="; ".join(missing),
            expected=", ".join(recipe.REQUIRED_MODULES),
            hint="build in the image of Containerfile.builder's target python-source",
        )


def _pack(tree: Path, output: Path) -> Blob:
    partial = output.with_name(f".{output.name}.partial")
    try:
        with partial.open("wb") as file:
            blob = pack_tree(tree, INSTALL_TARGET, file, level=COMPRESSION_LEVEL)
        partial.rename(output)
    except OSError as error:
        raise TargetError(
            "The runtime archive cannot be written.", where=os.fspath(output), found=str(error)
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return blob


def _prepare(work: Path) -> None:
    try:
        work.mkdir(mode=0o755, parents=True, exist_ok=True)
        occupied = any(work.iterdir())
    except OSError as error:
        raise TargetError(
            "The folder to build CPython in cannot be used.",
            where=os.fspath(work),
            found=str(error),
        ) from error
    if occupied:
        raise TargetError(
            "CPython is built in a folder of its own.",
            where=os.fspath(work),
            found="a folder with files in it",
            expected="an empty folder, or none yet",
        )


def _new_folder(path: Path) -> Path:
    path.mkdir(mode=0o755)
    return path


@contextmanager
def _timed(step: str, say: Callable[[str], None]) -> Iterator[None]:
    started = time.monotonic()
    yield
    say(f"{step}: {time.monotonic() - started:.1f} s")


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ocistacks.builder.python_source.build",
        description="Build a CPython runtime archive from the release tarball.",
    )
    parser.add_argument("--source", type=Path, required=True, help="Python-X.Y.Z.tar.xz")
    parser.add_argument(
        "--sha256", type=Digest.from_hex, help="what the tarball must hash to (a known release)"
    )
    parser.add_argument("--output", type=Path, required=True, help="the archive, .tar.zst")
    parser.add_argument("--work", type=Path, required=True, help="a new or empty folder")
    parser.add_argument("--jobs", type=_positive, help="compilers at a time (one a processor)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
