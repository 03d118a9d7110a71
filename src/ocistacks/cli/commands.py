"""The subcommands: what each is for, and where it is; only the one that runs is imported."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup

from ocistacks.cli.groups import grouped


@dataclass(frozen=True, slots=True)
class Subcommand:
    """``help`` is its line in the list of all, shorter than what it says of itself.

    ``talks`` is whether it has the options --quiet and --verbose.
    """

    help: str
    module: str
    talks: bool = True


SUBCOMMANDS: Final = {
    "show": Subcommand("Show a stack's layers, and which need locking.", "show"),
    "wheels": Subcommand("Build wheels of packages that have none.", "wheels"),
    "lock": Subcommand("Pin every package and Python of a stack, by hash.", "lock"),
    "build": Subcommand("Build the layers of a locked stack, each once.", "build"),
    "publish": Subcommand("Write archives, metadata and an image layout.", "publish"),
    "local-export": Subcommand("Lay out a stack's layers in a folder.", "local_export"),
    "push": Subcommand("Send a stack to a registry or an image layout.", "push"),
    "pull": Subcommand("Unpack a stack, or some of its applications.", "pull"),
    "run": Subcommand("Pull an application if needed, then become it.", "run"),
    "inspect": Subcommand("Tell what a stack holds, and what is shared.", "inspect"),
    "diff": Subcommand("Compare two stacks: layers, packages, files, bytes.", "diff"),
    "copy": Subcommand("Copy a stack, a layer or an image; digests stay.", "copy"),
    "sbom": Subcommand("Print what a stack is made of: CycloneDX as JSON.", "sbom"),
    "verify": Subcommand("Read all of a stack; tell what is not as promised.", "verify"),
    "k8s": Subcommand("Print a manifest for Kubernetes, all by digest.", "k8s"),
    "schema": Subcommand("Print the JSON schema of venvstacks.toml, for editors.", "schema"),
    "login": Subcommand("Keep a registry's credentials.", "login", talks=False),
    "logout": Subcommand("Forget a registry's credentials.", "login", talks=False),
    "builder": Subcommand("The images that layers are built in and on.", "builder", talks=False),
    "store": Subcommand("What this machine keeps of stacks.", "store", talks=False),
}


class Subcommands(TyperGroup):
    """A group whose commands are imported when they are asked for; its help needs none of them."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - click's types are not public
        """Return the names in the order of the help."""
        return list(SUBCOMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - as above
        """Return a command, None where there is none of that name."""
        # The base class looks among ``commands`` for names that are like an unknown one.
        for name in (cmd_name,) if cmd_name in SUBCOMMANDS else SUBCOMMANDS:
            if name not in self.commands:
                self.commands[name] = _imported(name)
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as above
        """Write names and what they are for."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, each.help) for name, each in SUBCOMMANDS.items()])


def _imported(name: str) -> Any:  # noqa: ANN401 - as above
    module = import_module(f"ocistacks.cli.{SUBCOMMANDS[name].module}")
    command = getattr(module, name.replace("-", "_"))
    if not isinstance(command, typer.Typer):
        own = typer.Typer(add_completion=False, rich_markup_mode=None)
        own.command(name)(grouped(command))
        command = own
    made = typer.main.get_command(command)
    made.name = name  # a group has none of its own, and pages are made of it
    return made
