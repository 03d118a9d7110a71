"""How long a command line takes to answer --help and --version, beside those of other tools.

    python bench/startup.py [--rounds N]

Each round runs every contender once, in turn; the table shows medians, and ratios to an empty
Python of the same round.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import time

from rich.console import Console
from rich.table import Table

OURS = (sys.executable, "-m", "ocistacks")
CONTENDERS: dict[str, tuple[str, ...]] = {
    "python -c pass": (sys.executable, "-c", "pass"),
    "python -c 'import typer'": (sys.executable, "-c", "import typer"),
    "ocistacks --help": (*OURS, "--help"),
    "ocistacks --version": (*OURS, "--version"),
    "ocistacks build --help": (*OURS, "build", "--help"),
    "ocistacks builder build --help": (*OURS, "builder", "build", "--help"),
    "python -m pip --help": (sys.executable, "-m", "pip", "--help"),
    "podman --help": ("podman", "--help"),
    "uv --help": ("uv", "--help"),
}


def seconds(command: tuple[str, ...]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    contenders = {name: each for name, each in CONTENDERS.items() if shutil.which(each[0])}
    for command in contenders.values():
        seconds(command)  # warms caches
    rounds = [
        {name: seconds(command) for name, command in contenders.items()}
        for _ in range(options.rounds)
    ]
    table = Table(title="Start-up")
    for column in ("what", "seconds", "ratio"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for name in contenders:
        ratios = [each[name] / each["python -c pass"] for each in rounds]
        table.add_row(
            name,
            f"{statistics.median(each[name] for each in rounds):.3f}",
            f"{statistics.median(ratios):.1f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
