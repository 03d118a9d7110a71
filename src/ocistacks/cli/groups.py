"""Groups of options that several commands have: dataclasses in place of long parameter lists."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take its options in groups.

    A parameter whose type is a dataclass is shown to typer as one parameter a field; the command is
    called with the dataclass made of them. The fields are annotated as typer has it.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {
        name: hint
        for name, hint in hints.items()
        if name != "return" and isinstance(hint, type) and is_dataclass(hint)
    }

    @wraps(command)
    def called(**given: Any) -> None:  # noqa: ANN401 - what typer parsed
        for name, group in groups.items():
            own = {field.name: given.pop(field.name) for field in fields(group)}
            given[name] = group(**own)
        command(**given)

    parameters = list(_parameters(command, hints, groups))
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return called


def _parameters(
    command: Callable[..., None], hints: dict[str, Any], groups: dict[str, Any]
) -> Iterator[inspect.Parameter]:
    for name, parameter in inspect.signature(command).parameters.items():
        if name not in groups:
            yield parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
            continue
        yield from _group_parameters(groups[name])


@cache  # most commands have the same groups, and evaluating annotations takes its time
def _group_parameters(group: Any) -> tuple[inspect.Parameter, ...]:  # noqa: ANN401 - any dataclass
    types = get_type_hints(group, include_extras=True)
    return tuple(
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=types[field.name],
        )
        for field in fields(group)
    )
