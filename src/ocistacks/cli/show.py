"""`ocistacks show`."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer

from ocistacks.cli.options import SpecArgument


def show(
    spec: SpecArgument,
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON, with venvstacks' keys.")
    ] = False,
) -> None:
    """Show a stack's layers, what each stands on, and with a star what needs locking."""
    from ocistacks.lock.status import stack_status
    from ocistacks.spec.names import LayerKind
    from ocistacks.spec.read import read_stack

    stack = read_stack(spec, environment=dict(os.environ))
    for warning in stack.warnings:
        typer.echo(f"warning: {warning}", err=True)
    status = stack_status(stack)
    if as_json:
        typer.echo(json.dumps(status.to_json(), indent=2, sort_keys=True))
        return
    lines = [status.spec_name]
    for kind in LayerKind:
        lines.append(f"  {kind.plural}")
        for layer in status.of_kind(kind):
            reason = f"  ({layer.stale})" if layer.stale is not None else ""
            lines.append(f"    {layer.summary}{reason}")
            lines += [f"      {lower.summary}" for lower in layer.dependencies]
    typer.echo("\n".join(lines))
