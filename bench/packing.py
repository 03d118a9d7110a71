"""Pack and unpack a tree with ocistacks and with the tools that others use, side by side.

    python bench/packing.py [TREE] [--rounds N] [--skip-xz]

Without TREE, scikit-learn and pandas are installed into a temporary folder on tmpfs with uv. Each
round runs every contender once, in turn, so that a change of the machine's load meets them all;
the table shows medians, and ratios to the raw tools of the same round. Peak memory is that of the
largest process of a contender.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table
from uv import find_uv_bin

TARGET = "framework-sample"
PACKAGES = ("scikit-learn", "pandas")

# These tell how long the call alone took: the imports are paid once, however many layers follow.
OURS_PACK = f"""
import gc, sys, time
from pathlib import Path
from ocistacks.blob.pack import pack_tree
gc.disable()  # as the process that builds a layer does
started = time.perf_counter()
with open(sys.argv[2], "wb") as output:
    pack_tree(Path(sys.argv[1]), "{TARGET}", output)
print(time.perf_counter() - started)
"""
OURS_UNPACK = """
import gc, sys, time
from pathlib import Path
from ocistacks.blob.model import MEDIA_TYPE_TAR_ZSTD
from ocistacks.blob.unpack import unpack_blob
gc.set_threshold(100_000)  # as the command does
started = time.perf_counter()
with open(sys.argv[1], "rb") as source:
    chunks = iter(lambda: source.read(1 << 18), b"")
    unpack_blob(chunks, Path(sys.argv[2]), media_type=MEDIA_TYPE_TAR_ZSTD, maximum_size=1 << 40)
print(time.perf_counter() - started)
"""
TARFILE_XZ = f"""
import sys, tarfile
with tarfile.open(sys.argv[2], "w:xz") as archive:
    archive.add(sys.argv[1], "{TARGET}")
"""


@dataclass
class Contender:
    name: str
    command: list[str]
    output: Path
    is_reference: bool = False
    seconds: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    peak: int = 0


def measure(contender: Contender) -> float:
    """Run a contender once; give the seconds that it took, by its own clock if it prints them."""
    if contender.output.is_dir():
        shutil.rmtree(contender.output)
        contender.output.mkdir()
    report = contender.output.with_suffix(".peak")
    started = time.perf_counter()
    result = subprocess.run(
        ["time", "-f", "%M", "-o", report, *contender.command],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    elapsed = float(result.stdout or time.perf_counter() - started)
    contender.peak = max(contender.peak, int(report.read_text().split()[-1]))
    report.unlink()
    return elapsed


def run_rounds(contenders: list[Contender], rounds: int) -> None:
    for contender in contenders:
        measure(contender)  # warms caches
    for _ in range(rounds):
        seconds = {contender.name: measure(contender) for contender in contenders}
        reference = next(seconds[one.name] for one in contenders if one.is_reference)
        for contender in contenders:
            contender.seconds.append(seconds[contender.name])
            contender.ratios.append(seconds[contender.name] / reference)


def show(title: str, contenders: list[Contender]) -> None:
    table = Table(title=title)
    for column in ("what", "seconds", "ratio", "size MB", "peak MB"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for one in contenders:
        size = f"{one.output.stat().st_size / 1e6:.1f}" if one.output.is_file() else ""
        table.add_row(
            one.name,
            f"{statistics.median(one.seconds):.3f}",
            f"{statistics.median(one.ratios):.2f}",
            size,
            f"{one.peak / 1000:.0f}",
        )
    Console().print(table)


def pack_contenders(tree: Path, work: Path, *, with_xz: bool) -> list[Contender]:
    raw = f"tar -C {tree.parent} -c {tree.name} | zstd -q -3 -T0 > {work / 'raw.tar.zst'}"
    contenders = [
        Contender("tar | zstd -3 -T0", ["sh", "-c", raw], work / "raw.tar.zst", is_reference=True),
        Contender("ocistacks", python(OURS_PACK, tree, work / "ours"), work / "ours"),
    ]
    if with_xz:
        contenders.append(
            Contender("tarfile, xz", python(TARFILE_XZ, tree, work / "xz"), work / "xz")
        )
    return contenders


def unpack_contenders(work: Path) -> list[Contender]:
    blob = work / "ours"
    for name in ("raw-tree", "our-tree"):
        (work / name).mkdir()
    raw = f"zstd -q -dc {blob} | tar -x -C {work / 'raw-tree'}"
    return [
        Contender("zstd -dc | tar x", ["sh", "-c", raw], work / "raw-tree", is_reference=True),
        Contender("ocistacks", python(OURS_UNPACK, blob, work / "our-tree"), work / "our-tree"),
    ]


def python(code: str, *arguments: Path) -> list[str]:
    return [sys.executable, "-c", code, *map(str, arguments)]


def make_tree(work: Path) -> Path:
    tree = work / TARGET
    subprocess.run(
        [
            find_uv_bin(),
            "pip",
            "install",
            "-q",
            "--python",
            sys.executable,
            "--target",
            tree,
            *PACKAGES,
        ],
        check=True,
    )
    return tree


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tree", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--skip-xz", action="store_true", help="it takes minutes")
    options = parser.parse_args()
    tmpfs = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=tmpfs if os.access(tmpfs, os.W_OK) else None) as folder:
        work = Path(folder)
        tree = options.tree.resolve() if options.tree else make_tree(work)
        packing = pack_contenders(tree, work, with_xz=not options.skip_xz)
        run_rounds(packing, options.rounds)
        show("Packing", packing)
        unpacking = unpack_contenders(work)
        run_rounds(unpacking, options.rounds)
        show("Unpacking", unpacking)


if __name__ == "__main__":
    main()
