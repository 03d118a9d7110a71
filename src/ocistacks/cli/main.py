"""The command `ocistacks`: its subcommands, and what a user's mistake looks like."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ocistacks import __version__
from ocistacks.cli.build import build
from ocistacks.cli.lock import lock
from ocistacks.errors import OcistacksError

app = typer.Typer(
    name="ocistacks",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (lock, build):
    app.command()(command)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        typer.echo(f"ocistacks {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    _version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
) -> None:
    """Python environment stacks as content-addressed OCI layers."""


def main() -> None:
    """Run the command line; an error that users can act on is a message and an exit code."""
    try:
        app()
    except OcistacksError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
