"""Every command takes venvstacks 0.8's options with its defaults, and the common ones anywhere."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from ocistacks.cli.groups import grouped
from ocistacks.cli.main import app

SELECTION = {"include": None, "allow_missing": False}
STATUS = {"show": False, "show_only": False, "json": False}
LOCKING = {"index": True, "local_wheels": None, "reset_lock": None, "lock_dependencies": False}
RELATED = {"publish_dependencies": False, "publish_derived": False}
# Restated from the table of venvstacks 0.8.0's own command line.
UPSTREAM = {
    "show": {**SELECTION, "json": False, "build_dir": "_build"},
    "lock": {
        **SELECTION,
        **LOCKING,
        **STATUS,
        "build_dir": "_build",
        "clean": False,
        "if_needed": False,
    },
    "build": {
        **SELECTION,
        **LOCKING,
        **STATUS,
        **RELATED,
        "build_dir": "_build",
        "output_dir": "_artifacts",
        "clean": False,
        "lock_if_needed": False,
        "build": True,
        "publish": False,
        "tag_outputs": False,
        "build_dependencies": False,
        "include_dependencies": None,
        "build_derived": False,
    },
    "publish": {
        **SELECTION,
        **STATUS,
        **RELATED,
        "build_dir": "_build",
        "output_dir": "_artifacts",
        "force": False,
        "dry_run": False,
        "tag_outputs": False,
    },
    "local-export": {
        **SELECTION,
        **STATUS,
        **RELATED,
        "build_dir": "_build",
        "output_dir": "_export",
        "force": False,
        "dry_run": False,
    },
}
GROUP = typer.main.get_command(app)
COMMANDS = {name: GROUP.get_command(None, name) for name in GROUP.list_commands(None)}


@pytest.mark.parametrize("command", UPSTREAM)
def test_a_command_has_the_options_of_venvstacks(command):
    defaults = {
        option.name: str(option.default) if isinstance(option.default, Path) else option.default
        for option in COMMANDS[command].params
    }
    assert {name: defaults.get(name, "missing") for name in UPSTREAM[command]} == UPSTREAM[command]


@pytest.mark.parametrize("command", UPSTREAM)
def test_what_is_on_or_off_can_be_said_both_ways(command):
    for option in COMMANDS[command].params:
        if option.name in UPSTREAM[command] and isinstance(UPSTREAM[command][option.name], bool):
            positive = f"--{option.name.replace('_', '-')}"
            assert positive in option.opts
            assert f"--no-{positive[2:]}" in option.secondary_opts


def test_the_old_name_of_locking_before_a_build_is_known():
    options = {name for option in COMMANDS["build"].params for name in option.opts}
    assert "--lock" in options


@pytest.mark.parametrize("arguments", [["--version"], ["-V"]])
def test_the_version_needs_no_command(arguments):
    finished = CliRunner().invoke(app, arguments)
    assert finished.exit_code == 0
    assert finished.stdout.startswith("ocistacks ")


@pytest.mark.parametrize("quiet", [["-q", "show"], ["show", "-q"], ["--quiet", "show"]])
def test_what_stands_before_the_command_holds_for_it(quiet, tmp_path):
    spec = tmp_path / "venvstacks.toml"
    spec.write_text("[others]\n")
    loud = CliRunner().invoke(app, ["show", str(spec)])
    assert loud.stderr.startswith("warning: others: ")
    silent = CliRunner().invoke(app, [*quiet, str(spec)])
    assert (silent.stdout, silent.stderr) == (loud.stdout, "")


@dataclass(frozen=True, kw_only=True)
class Paint:
    colour: Annotated[str, typer.Option("--colour")]
    coats: Annotated[int, typer.Option("--coats")] = 1


def _told(arguments):
    application = typer.Typer()

    @application.command()
    @grouped
    def paint(wall: Annotated[str, typer.Argument()], paint: Paint, dry: bool = False) -> None:
        typer.echo(json.dumps([wall, paint.colour, paint.coats, dry]))

    return CliRunner().invoke(application, arguments)


def test_a_command_is_given_its_options_in_groups():
    finished = _told(["north", "--coats", "3", "--colour", "blue", "--dry"])
    assert json.loads(finished.stdout) == ["north", "blue", 3, True]
    assert json.loads(_told(["north", "--colour", "red"]).stdout) == ["north", "red", 1, False]


def test_a_group_s_field_without_a_default_is_required():
    finished = _told(["north"])
    assert finished.exit_code == 2
    assert "--colour" in finished.output


def test_every_command_is_listed_with_a_line_of_its_own():
    told = CliRunner().invoke(app, ["--help"]).output.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in told] == list(COMMANDS)
    assert all(len(line) < 80 for line in told)


def test_a_name_that_is_none_is_answered_with_the_nearest():
    finished = CliRunner().invoke(app, ["logi"])
    assert finished.exit_code == 2
    assert "No such command 'logi'. Did you mean 'login'" in finished.output
