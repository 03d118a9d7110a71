"""Time `ocistacks build` of a stack of 50 layers in which nothing changed, beside other tools.

    python bench/unchanged_build.py [--rounds N] [--bytecode]

The stack is made in a temporary folder: a runtime, 24 frameworks of 15 packages each and 25
applications of 5 more, from small wheels made here. It is locked and built once with the local
builder, in the store that OCISTACKS_STORE names; its Python is had as any other. Then each round
runs every contender once, in turn; the table shows medians, and ratios to a Python that imports
typer, pydantic and packaging and does nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from rich.console import Console
from rich.table import Table
from uv import find_uv_bin

FRAMEWORKS, APPLICATIONS = 24, 25
FRAMEWORK_PACKAGES, APPLICATION_PACKAGES = 15, 5
PYTHON = "3.13"
# Every third package has wheels for many platforms, as packages with compiled code have.
BINARY_TAGS = tuple(
    f"cp313-cp313-{platform}"
    for platform in (
        "manylinux_2_28_x86_64",
        "manylinux_2_28_aarch64",
        "musllinux_1_2_x86_64",
        "musllinux_1_2_aarch64",
        "macosx_11_0_arm64",
        "macosx_11_0_x86_64",
        "win_amd64",
        "win_arm64",
    )
)
FLOOR = "import typer, pydantic, packaging.pylock"


def write_wheel(folder: Path, name: str, tag: str) -> None:
    record = f"{name}-1.0.dist-info"
    texts = {
        f"{name}.py": f"NAME = {name!r}\n",
        f"{record}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{record}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    with zipfile.ZipFile(folder / f"{name}-1.0-{tag}.whl", "w") as archive:
        for path, text in texts.items():
            archive.writestr(path, text)
        rows = [f"{path},{record_hash(text)},{len(text)}\n" for path, text in texts.items()]
        archive.writestr(f"{record}/RECORD", "".join([*rows, f"{record}/RECORD,,\n"]))


def record_hash(text: str) -> str:
    import base64
    import hashlib

    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def make_packages(wheels: Path, layer: str, count: int) -> list[str]:
    names = [f"{layer}_{number}" for number in range(count)]
    for number, name in enumerate(names):
        for tag in BINARY_TAGS if number % 3 == 0 else ("py3-none-any",):
            write_wheel(wheels, name, tag)
    return names


def make_stack(folder: Path, *, bytecode: bool) -> tuple[Path, list[str]]:
    """Write the specification with its wheels; return it and the names of all packages."""
    wheels = folder / "wheels"
    wheels.mkdir()
    runtime = make_packages(wheels, "base", APPLICATION_PACKAGES)
    packages = list(runtime)
    tables = [
        f"[tool.ocistacks]\nbytecode = {str(bytecode).lower()}\n",
        '[tool.uv]\nfind-links = ["wheels"]\nno-index = true\n',
        (
            f'[[runtimes]]\nname = "python"\npython_implementation = "cpython@{PYTHON}.5"\n'
            f"requirements = {runtime}\n"
        ),
    ]
    for number in range(FRAMEWORKS):
        names = make_packages(wheels, f"framework{number}", FRAMEWORK_PACKAGES)
        packages += names
        tables.append(
            f'[[frameworks]]\nname = "f{number}"\nruntime = "python"\nrequirements = {names}\n'
        )
    for number in range(APPLICATIONS):
        below = number % FRAMEWORKS
        own = make_packages(wheels, f"application{number}", APPLICATION_PACKAGES)
        packages += own
        (folder / f"main{number}.py").write_text(f"print({number})\n")
        shared = [f"framework{below}_{index}" for index in range(FRAMEWORK_PACKAGES)]
        tables.append(
            f'[[applications]]\nname = "a{number}"\nlaunch_module = "main{number}.py"\n'
            f'frameworks = ["f{below}"]\nrequirements = {[*own, *shared]}\n'
        )
    spec = folder / "venvstacks.toml"
    spec.write_text("\n".join(tables))
    return spec, packages


def make_environment(folder: Path, packages: list[str]) -> list[str]:
    """Install the packages with uv; return the command that would install them again."""
    uv = find_uv_bin()
    requirements = folder / "requirements.txt"
    requirements.write_text("".join(f"{name}==1.0\n" for name in packages))
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder / "venv"], check=True)
    command = [
        *(uv, "pip", "install", "-q", "--offline", "--no-index", "--no-config"),
        *("--find-links", str(folder / "wheels"), "--python", str(folder / "venv")),
        *("--python-version", PYTHON, "--requirement", str(requirements)),
    ]
    subprocess.run(command, check=True)
    return command


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--bytecode", action="store_true", help="as by default; slower to set up")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec, packages = make_stack(folder, bytecode=options.bytecode)
        ours = [sys.executable, "-m", "ocistacks"]
        environment = {**os.environ, "OCISTACKS_BUILDER": "local"}
        for step in ("lock", "build"):
            subprocess.run(
                [*ours, step, "-q", str(spec)],
                check=True,
                env=environment,
                stdout=subprocess.DEVNULL,
            )
        contenders = {
            f"python -c '{FLOOR}'": [sys.executable, "-c", FLOOR],
            "ocistacks build, nothing changed": [*ours, "build", "-q", str(spec)],
            "ocistacks show": [*ours, "show", str(spec)],
            "uv pip install, nothing changed": make_environment(folder, packages),
        }
        for command in contenders.values():
            seconds(command)  # warms caches
        rounds = [
            {name: seconds(command) for name, command in contenders.items()}
            for _ in range(options.rounds)
        ]
    table = Table(title=f"A stack of {1 + FRAMEWORKS + APPLICATIONS} layers")
    for column in ("what", "seconds", "ratio"):
        table.add_column(column, justify="left" if column == "what" else "right")
    reference = next(iter(contenders))
    for name in contenders:
        table.add_row(
            name,
            f"{statistics.median(each[name] for each in rounds):.3f}",
            f"{statistics.median(each[name] / each[reference] for each in rounds):.2f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
