"""The command `ocistacks`: its subcommands, and what a user's mistake looks like."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import Annotated

import typer

from ocistacks import __version__
from ocistacks.cli.commands import SUBCOMMANDS, Subcommands
from ocistacks.errors import OcistacksError, UsageError

# What flags are that are not given. Without it typer has pydantic convert their None, and to import
# pydantic takes as long as all else that a command's --help does.
_UNSET = {"help": False, "install_completion": False, "show_completion": False}

app = typer.Typer(
    name="ocistacks",
    cls=Subcommands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "default_map": _UNSET,
    },
)


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
        **{name: talk for name, each in SUBCOMMANDS.items() if each.talks},
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
    except ModuleNotFoundError as error:
        missing = UsageError(
            "This command needs more than is installed.",
            found=f"no module {error.name}",
            hint="the puller image holds what pull and store need: use an installed ocistacks",
        )
        sys.stderr.write(f"error: {missing}\n")
        sys.exit(missing.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
