"""`ocistacks login` and `ocistacks logout`."""

from __future__ import annotations

from typing import Annotated

import typer

from ocistacks.cli.options import InsecureOption

HostArgument = Annotated[
    str, typer.Argument(metavar="HOST[:PORT]", help="A registry, such as ghcr.io.")
]


def login(
    host: HostArgument,
    username: Annotated[
        str | None, typer.Option("--username", "-u", help="Asked for if not given.")
    ] = None,
    password_stdin: Annotated[
        bool,
        typer.Option("--password-stdin", help="Read the password or token from standard input."),
    ] = False,
    insecure: InsecureOption = False,
) -> None:
    """Keep a registry's credentials, once it took them, where Docker and Podman keep theirs.

    The user name "<token>" says that the password is an identity token.
    """
    import os

    from ocistacks.registry.credential_values import Credentials
    from ocistacks.registry.login import log_in

    _check(host)
    user = username or typer.prompt("Username", err=True)
    secret = (
        _from_stdin() if password_stdin else typer.prompt("Password", hide_input=True, err=True)
    )
    kept = log_in(
        host,
        Credentials.of_pair(user, secret),
        environment=dict(os.environ),
        insecure=insecure,
    )
    typer.echo(f"{host}: logged in, kept in {kept}")


def logout(host: HostArgument) -> None:
    """Forget a registry's credentials."""
    import os

    from ocistacks.registry.login import log_out

    _check(host)
    path = log_out(host, environment=dict(os.environ))
    typer.echo(f"{host}: " + (f"logged out, in {path}" if path else "was not logged in"))


def _check(host: str) -> None:
    """Raise UsageError for what is no registry."""
    from ocistacks.errors import UsageError
    from ocistacks.registry.reference import RegistryReference, parse_reference

    try:
        named = parse_reference(f"{host}/repository")
    except UsageError:
        named = None
    if not isinstance(named, RegistryReference) or named.host != host:
        raise UsageError(
            "That names no registry.", found=repr(host[:200]), expected="HOST or HOST:PORT"
        )


def _from_stdin() -> str:
    import sys

    from ocistacks.errors import UsageError

    secret = sys.stdin.readline().rstrip("\r\n")
    if not secret:
        raise UsageError(
            "There is no password on standard input.",
            hint='printf %s "$TOKEN" | ocistacks login HOST --username USER --password-stdin',
        )
    return secret
