"""Help and version come at once: nothing heavy is imported for them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ocistacks.cli.commands import SUBCOMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

# What the work of a command needs, and what a user who asks for help would wait for.
HEAVY = {
    *(
        "cyclonedx",
        "docker",
        "dulwich",
        "fastcrc",
        "filelock",
        "oras",
        "packaging",
        "platformdirs",
        "pydantic",
    ),
    *("requests", "rich", "tomli_w", "tomllib", "uv", "yaml", "zstandard", "asyncio", "ssl"),
}
HELPS = [
    *([command, "--help"] for command in SUBCOMMANDS),
    *(["builder", command, "--help"] for command in ("build", "base")),
]


def top_level(name: str) -> str:
    return name.partition(".")[0]


def imported(*arguments: str, names_of: Callable[[str], str] = top_level) -> set[str]:
    """Run a command line; return the top-level packages that it imported, or what is asked."""
    finished = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "ocistacks", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout
    names = (line.rpartition("|")[2].strip() for line in finished.stderr.splitlines())
    return {names_of(name) for name in names}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]], ids=" ".join)
def test_no_command_is_imported_where_none_is_named(arguments):
    found = imported(*arguments, names_of=lambda name: name)
    assert "ocistacks.cli.commands" in found
    assert "ocistacks.cli.options" not in found


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *HELPS], ids=" ".join)
def test_nothing_heavy_is_imported(arguments):
    found = imported(*arguments)
    assert {"ocistacks", "typer"} <= found
    assert found & HEAVY == set()


def test_a_build_in_which_nothing_changed_waits_for_no_builder_registry_or_server():
    modules = (
        *("ocistacks.cli.session", "ocistacks.cli.tables", "ocistacks.request.plan"),
        *("ocistacks.builder.build_stack", "ocistacks.builder.wheel_scripts"),
        "ocistacks.deploy.build_folder",
    )
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = set(told.stdout.split())
    assert set(modules) <= found
    assert found & {"docker", "dulwich", "oras", "requests", "rich.console", "zstandard"} == set()


def test_what_is_heavy_is_found_where_it_is_imported(tmp_path):
    (tmp_path / "venvstacks.toml").write_text("")
    assert {"pydantic", "tomllib"} <= imported("show", str(tmp_path / "venvstacks.toml"))
