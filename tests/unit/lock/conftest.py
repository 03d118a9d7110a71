"""Stacks made of text, and locks made of text, with no file behind them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ocistacks.lock.parse import parse_pylock
from ocistacks.spec.parse import parse_stack

FOLDER = Path("/stack")


@pytest.fixture
def parse():
    """A function from TOML text to a stack in /stack, where run.py and help.py exist."""

    def parse(text, *, folder=FOLDER):
        return parse_stack(
            tomllib.loads(text),
            None,
            path=folder / "venvstacks.toml",
            environment={},
            overrides={},
            list_folder=lambda _: {"run.py", "help.py"},
        )

    return parse


@pytest.fixture
def layer(parse):
    """A function that gives a runtime for CPython 3.13, with fields as TOML text."""

    def layer(fields="", *, python="3.13.5", requirements="[]"):
        return parse(
            f'[[runtimes]]\nname = "py"\npython_implementation = "cpython@{python}"\n'
            f"requirements = {requirements}\n{fields}\n"
        ).layers[0]

    return layer


@pytest.fixture
def pylock():
    """A function from the text of packages to a lock."""
    return lambda packages: parse_pylock(f'lock-version = "1.0"\ncreated-by = "uv"\n{packages}')
