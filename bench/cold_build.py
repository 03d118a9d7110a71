"""Time the build of a layer whose materials are there, beside uv and tar on the same wheels.

    OCISTACKS_STORE=/dev/shm/store python bench/cold_build.py [--rounds N]

The example's scikit-learn framework is locked and built with the local builder, which brings its
wheels and its Python into the store; then each round lets the store forget that it was built and
builds it again, and installs the same wheels with uv, offline and with an empty cache, to pack what
that gave with `tar | zstd`. Both without bytecode, then both with it. The table shows medians, and
ratios to uv and tar of the same round. All commands are measured whole.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from urllib.parse import unquote

from rich.console import Console
from rich.table import Table
from uv import find_uv_bin

from ocistacks.store.store import Store

EXAMPLE = Path(__file__).parents[1] / "examples" / "sklearn"
FRAMEWORK = "framework-sklearn"
RUNTIME = "cpython-3.13"


def measure(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def ours(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "ocistacks", *arguments]


def build_record(table: str) -> Path:
    """Return the store's record that the framework was built, by what `ocistacks build` printed."""
    [digest] = [line.split()[-1] for line in table.splitlines() if line.startswith(FRAMEWORK)]
    records = (Store.default(os.environ).root / "builds").glob("*.json")
    [record] = [path for path in records if digest in path.read_text()]
    return record


def link_wheels(stack: Path, wheels: Path) -> None:
    """Make a folder of the locked wheels that are in the store, under their own names."""
    store = Store.default(os.environ)
    [lock] = (stack / "requirements" / FRAMEWORK).glob("pylock.*.toml")
    wheels.mkdir()
    for package in tomllib.loads(lock.read_text())["packages"]:
        for wheel in package.get("wheels", ()):
            blob = store.root / "blobs" / "sha256" / wheel["hashes"]["sha256"]
            if blob.is_file():
                name = wheel.get("name") or unquote(wheel["url"].rpartition("/")[2])
                (wheels / name).symlink_to(blob)


def peer(work: Path, *, bytecode: bool) -> list[str]:
    """Return the command that installs the wheels with uv and packs them with tar and zstd."""
    tree = work / "peer"
    install = [
        *(find_uv_bin(), "pip", "install", "-q", "--offline", "--no-index", "--no-config"),
        *("--no-deps", "--find-links", str(work / "wheels"), "--cache-dir", str(work / "cache")),
        *("--python", str(work / "stack" / "_build" / RUNTIME / "bin" / "python3.13")),
        *("--target", str(tree / FRAMEWORK)),
        "--compile-bytecode" if bytecode else "--no-compile-bytecode",
        *(str(wheel) for wheel in sorted((work / "wheels").iterdir())),
    ]
    script = (
        f"rm -rf {tree} {work / 'cache'} && {shlex.join(install)} && "
        f"tar -C {tree} -c {FRAMEWORK} | zstd -q -3 -T0 > {work / 'peer.tar.zst'}"
    )
    return ["sh", "-c", script]


def run_rounds(contenders: dict[str, list[str]], rounds: int, title: str) -> None:
    for command in contenders.values():
        measure(command)  # warms caches
    figures = [
        {name: measure(command) for name, command in contenders.items()} for _ in range(rounds)
    ]
    reference = next(iter(contenders))
    table = Table(title=title)
    for column in ("what", "seconds", "ratio"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for name in contenders:
        table.add_row(
            name,
            f"{statistics.median(each[name] for each in figures):.2f}",
            f"{statistics.median(each[name] / each[reference] for each in figures):.2f}",
        )
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.environ["OCISTACKS_BUILDER"] = "local"
    tmpfs = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=tmpfs if os.access(tmpfs, os.W_OK) else None) as name:
        work = Path(name)
        stack = work / "stack"
        shutil.copytree(EXAMPLE, stack)
        spec = str(stack / "venvstacks.toml")
        subprocess.run(ours("lock", "-q", spec), check=True, stdout=subprocess.DEVNULL)
        for bytecode in (False, True):
            flag = "--bytecode" if bytecode else "--no-bytecode"
            build = ours("build", "-q", "--include", FRAMEWORK, flag, spec)
            table = subprocess.run(build, check=True, stdout=subprocess.PIPE, text=True).stdout
            if not (work / "wheels").exists():
                link_wheels(stack, work / "wheels")
            forget = f"rm {build_record(table)}"
            contenders = {
                "uv pip install, tar | zstd -3 -T0": peer(work, bytecode=bytecode),
                "ocistacks build": ["sh", "-c", f"{forget} && {shlex.join(build)}"],
            }
            title = "With bytecode" if bytecode else "Without bytecode"
            run_rounds(contenders, options.rounds, title)


if __name__ == "__main__":
    main()
