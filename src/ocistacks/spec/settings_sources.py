"""Where settings come from: flags, then the environment, then the file, then the default."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ocistacks.errors import UsageError
from ocistacks.spec.faults import Fault, Findings, KeyPath, shown
from ocistacks.spec.layer_settings import LAYERS_KEY
from ocistacks.spec.names import nearest
from ocistacks.spec.settings import ENVIRONMENT_PREFIX, PythonSource, Settings
from ocistacks.spec.validation import validated

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTINGS_PATH: KeyPath = ("tool", "ocistacks")

_REPEATED = ("platforms", "python_sources")
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


def environment_variable(setting: str) -> str:
    """Return the name of the environment variable that gives ``setting``."""
    return ENVIRONMENT_PREFIX + setting.upper()


def flag(setting: str) -> str:
    """Return the flag of the command line that gives ``setting``, or one of several values."""
    name = setting.removesuffix("s") if setting in _REPEATED else setting
    return f"--{name.replace('_', '-')}"


def resolve_settings(
    table: Mapping[str, object],
    environment: Mapping[str, str],
    overrides: Mapping[str, object],
    findings: Findings,
) -> Settings:
    """Return the settings in force; ``table`` is `[tool.ocistacks]`, of which `layers` is not read.

    An override that is None and an environment variable that is empty count as not given. Faults of
    the table are gathered, and defaults stand in for it; a wrong environment variable or override
    raises UsageError.
    """
    for key in overrides:
        if key not in Settings.model_fields:
            raise UsageError(
                "There is no such setting.",
                found=repr(key),
                expected=", ".join(Settings.model_fields),
                hint=f"did you mean {near!r}?"
                if (near := nearest(key, Settings.model_fields))
                else None,
            )
    own = {key: value for key, value in table.items() if key != LAYERS_KEY}
    from_file, faults = validated(
        Settings, own, SETTINGS_PATH, nested=PythonSource, beside=(LAYERS_KEY,)
    )
    findings.faults.extend(faults)
    given = {key: value for key, value in overrides.items() if value is not None}
    origins = {key: f"the flag {flag(key)}" for key in given}
    for key in Settings.model_fields:
        text = environment.get(environment_variable(key), "").strip()
        if text and key not in given:
            given[key] = _parsed(key, text)
            origins[key] = f"the environment variable {environment_variable(key)}"
    base = own if from_file is not None else {}
    settings, faults = validated(Settings, {**base, **given}, (), nested=PythonSource)
    if settings is None:
        raise _refusal(faults[0], origins)
    return settings


def _parsed(key: str, text: str) -> object:
    """Return what the text of an environment variable says, for the model to check."""
    default = Settings.model_fields[key].default
    if isinstance(default, bool):
        folded = text.casefold()
        return folded in _TRUE if folded in _TRUE | _FALSE else text
    if isinstance(default, int):
        return int(text) if text.isascii() and text.isdigit() else text
    if key == "platforms":
        return tuple(part.strip() for part in text.split(","))
    if key == "python_sources":
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _refusal(fault: Fault, origins: Mapping[str, str]) -> UsageError:
    """Return the error of a value that did not come from the file alone."""
    # The one fault that is of no single setting names those that it is of.
    keys = [str(fault.path[0])] if fault.path else [key for key in origins if key in fault.problem]
    where = ", ".join(origins[key] for key in keys if key in origins)
    return UsageError(
        f"A setting makes no sense: {fault.problem}.",
        where=where or None,
        found=fault.found or shown("".join(keys[:1])),
        expected=fault.allowed,
        hint=f"did you mean {fault.nearest!r}?" if fault.nearest else fault.hint,
    )
