"""What a layer's lock pins, as uv takes it for versions to keep where they still fit."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import tomli_w

from ocistacks.lock.shared import is_shared, marker_text

if TYPE_CHECKING:
    from packaging.pylock import Pylock

_FORMAT_VERSION = 1
_SOME_PLACE = "."


def preferences(pylock: Pylock, python_minor: str) -> str:
    """Return the text of a `uv.lock` that holds the versions in ``pylock`` and no more.

    uv finds it out of date, because the project is not in it, and resolves; a version that is
    listed is taken where it fits (uv, "Locking and syncing", upgrading locked versions).
    """
    own = [package for package in pylock.packages if not is_shared(package)]
    entries = Counter(package.name for package in own)
    packages: list[dict[str, Any]] = []
    for package in own:
        source = {"registry": package.index or _SOME_PLACE}
        entry: dict[str, Any] = {
            "name": package.name,
            "version": str(package.version),
            "source": source,
        }
        if entries[package.name] > 1:
            entry["resolution-markers"] = [marker_text(package.marker)]
        packages.append(entry)
    return tomli_w.dumps(
        {
            "version": _FORMAT_VERSION,
            "requires-python": f"=={python_minor}.*",
            "package": packages,
        }
    )
