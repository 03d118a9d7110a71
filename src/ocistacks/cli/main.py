"""The command `ocistacks`: its subcommands, and what a user's mistake looks like."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import Annotated

import typer

from ocistacks import __version__
from ocistacks.cli.build import build
from ocistacks.cli.builder import builder
from ocistacks.cli.copy import copy
from ocistacks.cli.diff import diff
from ocistacks.cli.groups import grouped
from ocistacks.cli.inspect import inspect
from ocistacks.cli.k8s import k8s
from ocistacks.cli.local_export import local_export
from ocistacks.cli.lock import lock
from ocistacks.cli.login import login, logout
from ocistacks.cli.publish import publish
from ocistacks.cli.pull import pull
from ocistacks.cli.push import push
from ocistacks.cli.run import run
from ocistacks.cli.sbom import sbom
from ocistacks.cli.schema import schema
from ocistacks.cli.show import show
from ocistacks.cli.store import store
from ocistacks.cli.verify import verify
from ocistacks.cli.wheels import wheels
from ocistacks.errors import OcistacksError

# What flags are that are not given. Without it typer has pydantic convert their None, and to import
# pydantic takes as long as all else that a command's --help does.
_UNSET = {"help": False, "install_completion": False, "show_completion": False}

app = typer.Typer(
    name="ocistacks",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "default_map": _UNSET,
    },
)
COMMANDS = (
    *(show, wheels, lock, build, publish, local_export),
    *(push, pull, run, inspect, diff, copy, sbom, verify, k8s, schema),
)
for command in (*COMMANDS, login, logout):
    app.command()(grouped(command))
app.add_typer(builder, name="builder")
app.add_typer(store, name="store")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ocistacks {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show errors and results only.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Tell of short steps, too.")
    ] = False,
) -> None:
    """Python environment stacks as content-addressed OCI layers."""
    talk = {"quiet": quiet, "verbose": verbose}
    # What stands before the command holds for it as if it stood behind.
    context.default_map = {
        **{command.__name__.replace("_", "-"): talk for command in COMMANDS},
        "builder": {**_UNSET, "build": talk, "base": talk},
        "store": {**_UNSET, "gc": talk, "verify": talk},
    }


def _terminate(_number: int, _frame: object) -> None:
    """End as an exception does, so that containers and temporary files are cleaned away."""
    sys.exit(128 + signal.SIGTERM)


def main() -> None:
    """Run the command line; an error that users can act on is a message and an exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    # What a command makes lives until it ends: looking for garbage takes a fifth of its time.
    gc.set_threshold(100_000)
    # It would look for plug-ins in all packages that are installed, at each start.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")
    try:
        app()
    except OcistacksError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
