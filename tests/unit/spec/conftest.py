"""A stack made of text, with no file behind it."""

import tomllib
from pathlib import Path

import pytest

from ocistacks.errors import SpecError
from ocistacks.spec.parse import parse_stack

FOLDER = Path("/stack")


@pytest.fixture
def parse():
    """A function from TOML text to a stack; ``modules`` are the paths that exist beside it."""

    def parse(text, *, modules=("run.py",), uv=None, environment=None, overrides=None):
        paths = [FOLDER / module for module in modules]
        return parse_stack(
            tomllib.loads(text),
            tomllib.loads(uv) if uv is not None else None,
            path=FOLDER / "venvstacks.toml",
            environment=environment or {},
            overrides=overrides or {},
            list_folder=lambda folder: {path.name for path in paths if path.parent == folder},
        )

    return parse


@pytest.fixture
def refusal(parse):
    """A function from TOML text to the whole message of its refusal."""

    def refusal(text, **arguments):
        with pytest.raises(SpecError) as caught:
            parse(text, **arguments)
        return str(caught.value)

    return refusal


@pytest.fixture
def message():
    """A function from faults to the whole message that tells them."""

    def message(*faults):
        count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
        lines = [f"venvstacks.toml has {count}."]
        lines += [f"  {line}" for fault in faults for line in fault.splitlines()]
        return "\n".join([*lines, "  where: /stack/venvstacks.toml"])

    return message
