"""Libraries of one layer with the same name: it is open which one other layers shall find."""

from __future__ import annotations

import glob
import json
from typing import TYPE_CHECKING

from ocistacks.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ocistacks.request.model import BuildRequest


def refuse_clashes(request: BuildRequest, clashes: Mapping[str, Sequence[str]]) -> None:
    """Raise BuildError that tells all of ``clashes`` (name -> paths), and what to write."""
    if not clashes:
        return
    lines = [f"{name}: {', '.join(paths)}" for name, paths in sorted(clashes.items())]
    patterns = [
        pattern
        for _, paths in sorted(clashes.items())
        for pattern in (excluding(path, paths) for path in paths[1:])
    ]
    raise BuildError(
        "Shared libraries with the same name differ, so it is open which one other layers find.",
        where=f"layer {request.install_target}",
        found="\n    ".join(lines),
        expected="each name once",
        hint="exclude all but one of each name in the layer's table, for example with "
        f"dynlib_exclude = {json.dumps(patterns, ensure_ascii=False)}",
    )


def excluding(path: str, paths: Sequence[str]) -> str:
    """Return a pattern of `dynlib_exclude` for ``path`` that none of the other ``paths`` matches.

    It has no more folders than that takes, but one at least.
    """
    parts = path.split("/")
    others = [f"/{other}" for other in paths if other != path]
    for count in range(2, len(parts)):
        end = "/".join(parts[-count:])
        if not any(other.endswith(f"/{end}") for other in others):
            return glob.escape(end)
    return glob.escape(path)
