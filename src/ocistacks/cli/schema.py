"""`ocistacks schema`."""

from __future__ import annotations

import json

import typer


def schema() -> None:
    """Print the JSON schema of venvstacks.toml, for editors."""
    from ocistacks.spec.schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))
