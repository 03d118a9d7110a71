"""One error for all layers that cannot be locked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.errors import LockError, OcistacksError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def gathered(
    failures: Mapping[str, OcistacksError],
    not_tried: Mapping[str, tuple[str, ...]],
    spec_path: Path,
) -> OcistacksError:
    """Return an error that tells what failed in which layer, and which layers were not tried.

    ``failures`` is not empty; ``not_tried`` holds for each layer the failed ones below it. An error
    that is alone is returned as it is.
    """
    if len(failures) == 1 and not not_tried:
        return next(iter(failures.values()))
    told = [_indented(str(error)) for error in failures.values()]
    told += [
        f"Layer {name} was not tried: it stands on {', '.join(below)}."
        for name, below in not_tried.items()
    ]
    return LockError(
        f"{_layers(len(failures))} cannot be locked; all locks stay as they were.",
        where=str(spec_path),
        found="\n    ".join(told),
    )


def _indented(text: str) -> str:
    return text.replace("\n", "\n    ")


def _layers(count: int) -> str:
    return "1 layer" if count == 1 else f"{count} layers"
